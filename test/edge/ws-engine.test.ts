/** What ws writes to a socket is held until the turn ends: one system call for all its frames. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as ws from 'ws';
import { WebSocket, type WebSocketServer } from 'ws';
import { forgetRequests } from '../../src/edge/forget-requests.ts';
import { GatheredWebSocket } from '../../src/edge/gathered-web-socket.ts';
import { textFrame } from '../../src/edge/text-frame.ts';
import { WriteGather } from '../../src/edge/write-gather.ts';
import { webSocketServer } from '../../src/edge/ws-engine.ts';
import { Server as IoServer } from 'socket.io';
import { until } from '../support/client.ts';

let http: Server;
let engine: WebSocketServer;
let flushes: (() => void)[];
let client: WebSocket;
let served: GatheredWebSocket;
let socket: Socket;
let received: string[];

beforeEach(async () => {
  flushes = [];
  received = [];
  const Engine = webSocketServer(new WriteGather((flush) => flushes.push(flush)));
  engine = new Engine({ noServer: true });
  http = createServer();
  const upgraded = new Promise<WebSocket>((resolve) => {
    http.on('upgrade', (request, raw, head) => {
      socket = raw as Socket;
      engine.handleUpgrade(request, raw, head, resolve);
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  client.on('message', (data) => received.push((data as Buffer).toString()));
  await once(client, 'open');
  const opened = await upgraded;
  if (!(opened instanceof GatheredWebSocket)) throw new Error('ws made another kind of WebSocket');
  served = opened;
});
afterEach(() => {
  client.terminate();
  served.terminate();
  engine.close();
  http.close();
});

const allOf = (count: number) => Array.from({ length: count }, (_, i) => `frame ${i}`);

test('frames are held until the flush, what ws sends itself behind them too; they leave together and in order', async () => {
  let writes = 0;
  const whole = socket._writev?.bind(socket);
  socket._writev = (chunks, done) => {
    writes += 1;
    whole?.(chunks, done);
  };
  client.on('ping', () => received.push('ping'));
  for (const text of allOf(10)) served.send(text);
  served.ping();
  expect(served.sendFrame(textFrame('whole frame'))).toBe(true);
  served.send('with options', { compress: false });
  await pause(50);
  expect(received).toEqual([]);
  expect(flushes).toHaveLength(1);
  flushes[0]?.();
  await until(
    () => received.length >= 13,
    2_000,
    () => `${received.length} frames came`,
  );
  expect(received).toEqual([...allOf(10), 'ping', 'whole frame', 'with options']);
  expect(writes).toBe(1);
  expect(served.unsent).toBe(0);
});

test('a sender may go on at once while little is unsent, and waits while it is much', async () => {
  const done: string[] = [];
  served.send('little', () => done.push('little'));
  expect(done).toEqual(['little']);
  served.send('x'.repeat(300_000));
  served.send('after much', () => done.push('after much'));
  served.onceSent(() => done.push('all sent'));
  await pause(20);
  expect(done).toEqual(['little']);
  expect(served.unsent).toBeGreaterThan(300_000);
  for (const flush of flushes) flush();
  await until(
    () => done.length === 3,
    2_000,
    () => done.join(),
  );
  expect(done).toEqual(['little', 'after much', 'all sent']);
  expect(served.unsent).toBe(0);
});

/** ws exports it, its types do not. */
const { Sender } = ws as unknown as { Sender: { frame(data: Buffer, options: object): Buffer[] } };

test('a frame is what ws makes of the same text', () => {
  for (const text of ['', 'a', 'é€😀', ...[125, 126, 65_535, 65_536, 70_000].map((n) => 'x'.repeat(n))]) {
    const made = Sender.frame(Buffer.from(text), {
      fin: true,
      opcode: 1,
      mask: false,
      rsv1: false,
      readOnly: true,
    });
    expect(textFrame(text).equals(Buffer.concat(made))).toBe(true);
  }
});

test('after a flush the next frames ask for another', async () => {
  served.send('one');
  flushes[0]?.();
  served.send('two');
  expect(flushes).toHaveLength(2);
  flushes[1]?.();
  await until(
    () => received.length === 2,
    2_000,
    () => `${received.length} frames came`,
  );
});

test('a socket that is ended or gone before the flush does no harm', async () => {
  served.send('last words');
  served.close(1000, 'bye');
  flushes[0]?.();
  const [code] = (await once(client, 'close')) as [number];
  expect(code).toBe(1000);
  expect(received).toEqual(['last words']);

  let isOver = false;
  served.onceSent(() => {
    isOver = true;
  });
  socket.destroy();
  served.send('nobody hears it', () => {});
  served.onceSent(() => {});
  for (const flush of flushes) flush();
  await until(
    () => isOver,
    2_000,
    () => 'not told',
  );
});

test('Engine.IO’s WebSocket transport has ours as its `socket`, and can take more after each packet', async () => {
  await using guest = await connectGuest();
  expect(guest.transport).toMatchObject({ writable: true });
  expect('socket' in guest.transport && guest.transport.socket).toBeInstanceOf(GatheredWebSocket);
});

test('nothing keeps the request of a connection', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await using guest = await connectGuest();
  await until(
    () => {
      collect();
      return guest.request.deref() === undefined;
    },
    5_000,
    () => 'it is kept',
  );
});

/** A client of Engine.IO on our WebSocket server. */
async function connectGuest() {
  const server = createServer();
  const io = new IoServer(server, {
    wsEngine: webSocketServer(new WriteGather((flush) => flushes.push(flush))),
  });
  forgetRequests(io, 0);
  const requests: WeakRef<object>[] = [];
  server.on('upgrade', (request) => requests.push(new WeakRef(request)));
  const opened = new Promise<{ readonly transport: object }>((resolve) =>
    io.engine.on('connection', resolve),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const guest = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  const [{ transport }] = await Promise.all([opened, once(guest, 'open')]);
  const [request] = requests;
  if (request === undefined) throw new Error('no upgrade');
  return {
    transport,
    request,
    async [Symbol.asyncDispose]() {
      guest.terminate();
      await io.close();
    },
  };
}
