/** What the library keeps of its rooms: nothing, and sockets come and go all the same. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { io as connectClient } from 'socket.io-client';
import { expect, test } from 'vitest';
import { RoomlessAdapter } from '../../src/edge/roomless-adapter.ts';
import { until } from '../support/client.ts';

test('a socket is in no room of the library, is reached by itself and leaves', async () => {
  const http = createServer();
  const io = new Server(http, { adapter: RoomlessAdapter });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const client = connectClient(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true });
  try {
    const [socket] = (await once(io, 'connection')) as [{ emit(event: string): boolean }];
    const namespace = io.of('/');
    expect([namespace.sockets.size, namespace.adapter.sids.size, namespace.adapter.rooms.size]).toEqual([
      1, 0, 0,
    ]);
    const heard = new Promise((resolve) => client.once('hello', resolve));
    socket.emit('hello');
    await heard;
    client.disconnect();
    await until(
      () => namespace.sockets.size === 0,
      2_000,
      () => 'it is still there',
    );
  } finally {
    client.disconnect();
    await io.close();
  }
});
