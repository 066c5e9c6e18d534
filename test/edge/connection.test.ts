/** What a connection keeps of a namespace that was left: nothing. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Server, type Socket } from 'socket.io';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Feeds } from '../../src/chat/feeds.ts';
import { Sessions } from '../../src/chat/sessions.ts';
import { Authenticator } from '../../src/edge/auth.ts';
import type { ChatContext } from '../../src/edge/chat-context.ts';
import { Connections } from '../../src/edge/connection.ts';
import { Handshake } from '../../src/edge/handshake.ts';
import { Dispatcher } from '../../src/edge/request.ts';
import { HANDLERS } from '../../src/edge/requests/handlers.ts';
import { WriteGather } from '../../src/edge/write-gather.ts';
import { webSocketServer } from '../../src/edge/ws-engine.ts';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.ts';
import { requestSchemas } from '../../src/protocol/requests.ts';
import { LmdbStore } from '../../src/store/lmdb/lmdb-store.ts';
import { until } from '../support/client.ts';
import { feedContext } from '../support/feed-context.ts';
import { QUIET_PARTS } from '../support/quiet-parts.ts';

async function open() {
  const dir = mkdtempSync(join(tmpdir(), 'connection-'));
  const store = await LmdbStore.open(dir, { boot: 'one' });
  const faults: unknown[] = [];
  const onFault = (error: unknown): void => void faults.push(error);
  const subscribed = new Set<string>();
  const feeds = new Feeds(
    feedContext({ store, onFault }),
    { subscribe: (room) => void subscribed.add(room), unsubscribe: (room) => void subscribed.delete(room) },
    { maxFeeds: 100 },
  );
  const sessions = new Sessions(store, { onRoom: () => {}, onFault });
  const context = {
    ...QUIET_PARTS,
    store,
    feeds,
    sessions,
    auth: Authenticator.open({ auth: 'guest' }),
    settings: {
      limits: DEFAULT_LIMITS,
      namespaces: [],
      rooms: 'open',
      maxBufferedBytes: 100_000,
      maxSocketBytes: 1_000_000,
    },
    log: { info: () => {}, warn: onFault, error: onFault },
    now: () => performance.now(),
    isDraining: () => false,
  } as unknown as ChatContext;
  const handshake = new Handshake(context);
  const dispatcher = new Dispatcher(context, requestSchemas(DEFAULT_LIMITS), HANDLERS);
  const connections = new Connections(context, handshake, dispatcher);
  const http = createServer();
  const gather = new WriteGather((flush) => setImmediate(flush));
  const io = new Server(http, { wsEngine: webSocketServer(gather) });
  const sockets: Socket[] = [];
  io.use(handshake.middleware);
  io.on('connection', connections.onConnection);
  io.on('connection', (socket) => sockets.push(socket));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  return {
    port,
    connections,
    feeds,
    sessions,
    subscribed,
    sockets,
    faults,
    async [Symbol.asyncDispose]() {
      await io.close();
      await store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

test('G10: over one connection a namespace is joined and left again and again, and all of it goes', async () => {
  await using chat = await open();
  const { port, connections, feeds, sessions, subscribed, sockets, faults } = chat;
  const client = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  const got: string[] = [];
  client.on('message', (data: Buffer) => got.push(data.toString()));
  const received = (begin: string, count: number): Promise<void> =>
    until(
      () => got.filter((packet) => packet.startsWith(begin)).length === count,
      3_000,
      () => `${count} of ${begin}: ${got.slice(-4).join('; ')}`,
    );
  try {
    await once(client, 'open');
    const listeners = new Set<number>();
    for (let round = 1; round <= 12; round += 1) {
      client.send('40{"user":"ada"}');
      await received('42["welcome"', round);
      client.send(`42${round}["room:join",{"room":"room-${round}"}]`);
      await received(`43${round}[{"ok":true,`, 1);
      // Those before take no requests any more: the feed of the new room is this one's.
      expect([connections.size, feeds.size, subscribed.size]).toEqual([1, round, round]);
      listeners.add(sockets.at(-1)?.conn.listenerCount('packetCreate') ?? Number.NaN);
      client.send('41');
      await until(
        () => connections.size === 0,
        3_000,
        () => 'it is still there',
      );
      expect([feeds.size, subscribed.size, sessions.users]).toEqual([0, 0, 0]);
    }
    expect(listeners.size).toBe(1);
    expect(faults).toEqual([]);
  } finally {
    client.terminate();
  }
});

test.each([
  ['that polls once more and no more', true],
  ['that has not polled for long', false],
])('a polling client %s is gone a second after it was told to go', async (_what, polls) => {
  await using chat = await open();
  const { port, connections } = chat;
  const base = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`;
  const opened = await (await fetch(base)).text();
  const at = `${base}&sid=${(JSON.parse(opened.slice(1)) as { sid: string }).sid}`;
  await fetch(at, { method: 'POST', body: '40{"user":"ada"}' });
  for (let got = ''; !got.includes('"welcome"'); ) got += await (await fetch(at)).text();
  const polled = polls ? fetch(at).then((answer) => answer.text()) : Promise.resolve('"closing"');
  // It has come to the server.
  await pause(100);
  const began = performance.now();
  connections.closeAll();
  expect(await polled).toContain('"closing"');
  await until(
    () => connections.size === 0,
    5_000,
    () => 'it is still there',
  );
  expect(performance.now() - began).toBeLessThan(2_500);
});
