/** What is plainly a request, and that the short way and Socket.IO's own agree on it. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { Server as IoServer, type Socket } from 'socket.io';
import { io as connectClient } from 'socket.io-client';
import { Decoder, type Packet } from 'socket.io-parser';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { DirectRequests, readEvent } from '../../src/edge/direct-requests.ts';
import type { Requests } from '../../src/edge/request.ts';
import { SocketOutlet } from '../../src/edge/socket-outlet.ts';
import { WriteGather } from '../../src/edge/write-gather.ts';
import { webSocketServer } from '../../src/edge/ws-engine.ts';
import { until } from '../support/client.ts';

/** What Socket.IO makes of the same text; undefined: nothing, or no event. */
function decoded(text: string): Packet | undefined {
  let found: Packet | undefined;
  const decoder = new Decoder();
  decoder.on('decoded', (packet: Packet) => {
    found = packet;
  });
  try {
    decoder.add(text);
  } catch {
    return undefined;
  }
  return found;
}

const json = fc.json({ maxDepth: 3 });
const id = fc.oneof(fc.constant(''), fc.nat().map(String), fc.stringMatching(/^[0-9]{0,20}$/));
const namespace = fc.constantFrom('', '/ns,', '/other,', '/ns');
const text = fc.oneof(
  fc
    .tuple(namespace, id, fc.array(json, { maxLength: 3 }))
    .map(([n, i, args]) => `2${n}${i}["a"${args.map((arg) => `,${arg}`).join('')}]`),
  fc.tuple(namespace, id, json).map(([n, i, body]) => `2${n}${i}${body}`),
  fc.string().map((rest) => `2${rest}`),
);

test.each(['/', '/ns'])('what is read is what Socket.IO reads (%s)', (name) => {
  const head = name === '/' ? '2' : `2${name},`;
  let read = 0;
  fc.assert(
    fc.property(text, (packet) => {
      const event = readEvent(packet, head);
      if (event === undefined) return;
      read += 1;
      const theirs = decoded(packet);
      expect(theirs).toMatchObject({ type: 2, nsp: name });
      expect(theirs?.id).toBe(event.id);
      expect(theirs?.data).toEqual([event.name, ...event.args]);
    }),
    { numRuns: 2_000 },
  );
  expect(read).toBeGreaterThan(100);
});

test.each(['2["a"', '2[1,2]', '2{"a":1}', '2', '2[]', '3["a"]', '21234567890123456["a"]', '2/ns,["a"]'])(
  'what is no plain event is left to Socket.IO: %s',
  (packet) => expect(readEvent(packet, '2')).toBeUndefined(),
);

let http: Server;
let io: IoServer;
let clients: WebSocket[];
/** What came by the short way, and by Socket.IO's. */
let short: string[];
let long: string[];

beforeEach(async () => {
  [short, long, clients] = [[], [], []];
  http = createServer();
  io = new IoServer(http, { wsEngine: webSocketServer(new WriteGather((flush) => setImmediate(flush))) });
  const serve = (socket: Socket): void => {
    const outlet = new SocketOutlet(socket, { maxBufferedBytes: 10_000, maxSocketBytes: 20_000 });
    const ask: Requests['ask'] = (event, args, callback) => {
      short.push(`${socket.nsp.name} ${String(event)} ${JSON.stringify(args)}`);
      callback?.({ ok: true, event });
    };
    const isKnown = (event: string): boolean => event !== 'unknown';
    const direct = new DirectRequests(socket, { isKnown, ask }, outlet);
    socket.on('disconnect', () => direct.end());
    socket.onAny((event: string) => long.push(`${socket.nsp.name} ${event}`));
  };
  io.on('connection', serve);
  io.of('/ns').on('connection', serve);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
});
afterEach(async () => {
  for (const client of clients) client.terminate();
  await io.close();
});

async function connect(...namespaces: string[]): Promise<{ client: WebSocket; got: string[] }> {
  const { port } = http.address() as AddressInfo;
  const client = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  clients.push(client);
  const got: string[] = [];
  client.on('message', (data: Buffer) => got.push(data.toString()));
  await once(client, 'open');
  for (const name of namespaces) client.send(`40${name}`);
  await received(() => got.filter((packet) => packet.startsWith('40')).length === namespaces.length);
  return { client, got };
}

function received(isThere: () => boolean): Promise<void> {
  return until(isThere, 2_000, () => `short ${short.join('; ')}, long ${long.join('; ')}`);
}

test('a request of each namespace goes the short way, and its answer goes back to it', async () => {
  const { client, got } = await connect('', '/ns,');
  client.send('427["room:join",{"room":"a"}]');
  client.send('42/ns,8["room:join",{"room":"b"}]');
  client.send('42["room:leave",{}]');
  await received(() => short.length === 3);
  expect(short).toEqual(['/ room:join [{"room":"a"}]', '/ns room:join [{"room":"b"}]', '/ room:leave [{}]']);
  await received(() => got.filter((packet) => packet.startsWith('43')).length === 2);
  expect(got).toContain('437[{"ok":true,"event":"room:join"}]');
  expect(got).toContain('43/ns,8[{"ok":true,"event":"room:join"}]');
  expect(long).toEqual([]);
});

test('what is not known is Socket.IO’s', async () => {
  const { client } = await connect('');
  client.send('42["unknown",1]');
  client.send('421["room:join",{}]');
  await received(() => short.length === 1 && long.length === 1);
  expect(long).toEqual(['/ unknown']);
});

test('a namespace that was left is asked nothing more, the other one is; Socket.IO ends who asks it', async () => {
  const { client } = await connect('', '/ns,');
  client.send('41/ns,');
  await received(() => io.of('/ns').sockets.size === 0);
  client.send('421["room:join",{}]');
  client.send('42/ns,1["room:join",{}]');
  await once(client, 'close');
  expect(short).toEqual(['/ room:join [{}]']);
});

test('after an upgrade from long polling requests go the short way, before it Socket.IO’s', async () => {
  const { port } = http.address() as AddressInfo;
  const client = connectClient(`http://127.0.0.1:${port}`, { forceNew: true });
  try {
    await once(client as never, 'connect');
    client.emit('while polling', 1);
    await received(() => long.length + short.length === 1);
    await received(() => client.io.engine.transport.name === 'websocket');
    expect(await client.emitWithAck('room:join', 2)).toEqual({ ok: true, event: 'room:join' });
    expect(short.at(-1)).toBe('/ room:join [2]');
  } finally {
    client.disconnect();
  }
});

test('a connection that is about to end is heard no more', async () => {
  const { client } = await connect('');
  const [socket] = io.of('/').sockets.values();
  Object.assign(socket?.conn ?? {}, { readyState: 'closing' });
  client.send('421["room:join",{}]');
  client.ping();
  await once(client, 'pong');
  expect([short, long]).toEqual([[], []]);
});

test('what is no packet at all ends the connection, as it does with Socket.IO', async () => {
  const { client } = await connect('');
  client.send('427["room:join"');
  await once(client, 'close');
  expect(short).toEqual([]);
});

test('G10: a client that asks and asks and reads no answer is ended', async () => {
  const { client } = await connect('');
  client.pause();
  const ended = once(io.of('/').sockets.values().next().value as never, 'disconnect');
  const asking = setInterval(() => {
    for (let i = 0; i < 500; i += 1) client.send(`42${i}["room:join","${'x'.repeat(100)}"]`);
  }, 1);
  await ended;
  clearInterval(asking);
  // Else the heartbeat would end it, 25 s later.
}, 10_000);
