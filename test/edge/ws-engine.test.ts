/** What ws writes to a socket is held until the turn ends: one system call for all its frames. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket, type WebSocketServer } from 'ws';
import { webSocketServer, WriteGather } from '../../src/edge/ws-engine.ts';
import { until } from '../support/client.ts';

let http: Server;
let engine: WebSocketServer;
let flushes: (() => void)[];
let client: WebSocket;
let served: WebSocket;
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
  served = await upgraded;
});
afterEach(() => {
  client.terminate();
  served.terminate();
  engine.close();
  http.close();
});

const allOf = (count: number) => Array.from({ length: count }, (_, i) => `frame ${i}`);

test('frames are held until the flush, then leave together and in order', async () => {
  let writes = 0;
  const whole = socket._writev?.bind(socket);
  socket._writev = (chunks, done) => {
    writes += 1;
    whole?.(chunks, done);
  };
  for (const text of allOf(20)) served.send(text);
  await pause(50);
  expect(received).toEqual([]);
  expect(flushes).toHaveLength(1);
  flushes[0]?.();
  await until(
    () => received.length >= 20,
    2_000,
    () => `${received.length} frames came`,
  );
  expect(received).toEqual(allOf(20));
  expect(writes).toBe(1);
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

  socket.destroy();
  served.send('nobody hears it', () => {});
  for (const flush of flushes) flush();
});
