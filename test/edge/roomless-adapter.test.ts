/** What the library keeps of its rooms in the clients' server: nothing, and sockets come and go all the same. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Socket } from 'socket.io';
import { io as connectClient } from 'socket.io-client';
import { expect, test } from 'vitest';
import { ChatServer } from '../../src/edge/chat-server.ts';
import type { EdgeSettings } from '../../src/edge/chat-context.ts';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.ts';
import { until } from '../support/client.ts';

const SETTINGS = {
  limits: DEFAULT_LIMITS,
  origins: [],
  pingIntervalMs: 25_000,
  pingTimeoutMs: 20_000,
  connectTimeoutMs: 10_000,
} as unknown as EdgeSettings;

test('a socket is in no room of the library, is reached by itself and leaves', async () => {
  const { io, http } = new ChatServer(SETTINGS, {
    readiness: () => ({ ready: true, reasons: [] }),
    onHeld: setImmediate,
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const client = connectClient(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true });
  try {
    const [socket] = (await once(io, 'connection')) as [Socket];
    const { sockets, adapter } = io.of('/');
    expect([sockets.size, adapter.sids.size, adapter.rooms.size]).toEqual([1, 0, 0]);
    const heard = new Promise((resolve) => client.once('hello', resolve));
    socket.emit('hello');
    await heard;
    client.disconnect();
    await until(
      () => sockets.size === 0,
      2_000,
      () => 'it is still there',
    );
  } finally {
    client.disconnect();
    await io.close();
  }
});
