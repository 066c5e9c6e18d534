/** How much of a connection's traffic counts as unsent, and who is ended for it. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket as TcpSocket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Server as IoServer, type Socket } from 'socket.io';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { SocketOutlet } from '../../src/edge/socket-outlet.ts';
import { WireMessages } from '../../src/edge/wire-encoder.ts';
import { WriteGather } from '../../src/edge/write-gather.ts';
import { webSocketServer } from '../../src/edge/ws-engine.ts';
import { until } from '../support/client.ts';

let http: Server;
let io: IoServer;
let client: WebSocket;
let served: Socket[];
/** Lets go what a turn of sending has gathered. */
let flush: () => void;
let isFlushing = true;

beforeEach(async () => {
  served = [];
  flush = () => {};
  isFlushing = true;
  http = createServer();
  const gather = new WriteGather((task) => {
    flush = task;
    if (isFlushing) setImmediate(task);
  });
  io = new IoServer(http, { wsEngine: webSocketServer(gather) });
  io.on('connection', (socket) => served.push(socket));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  client = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  await once(client, 'open');
});
afterEach(async () => {
  client.terminate();
  await io.close();
});

async function connected(count = 1): Promise<Socket> {
  client.send('40');
  await until(
    () => served.length === count,
    2_000,
    () => 'not connected',
  );
  const socket = served.at(-1);
  if (socket === undefined) throw new Error('no socket');
  return socket;
}

/** Bytes that the process holds for the connection. */
function heldFor({ conn }: Socket): number {
  const { socket } = conn.transport as unknown as { socket: { unsent: number } };
  const { writeBuffer } = conn as unknown as { writeBuffer: readonly { data?: string }[] };
  return writeBuffer.reduce((sum, { data }) => sum + (data?.length ?? 0), socket.unsent);
}

test('a client that takes everything at once is never slow, though it is answered in every turn', async () => {
  const socket = await connected();
  const outlet = new SocketOutlet(socket, { maxBufferedBytes: 20_000, maxSocketBytes: 1_000_000 });
  isFlushing = false;
  for (let turn = 0; turn < 60; turn += 1) {
    socket.emit('reply', turn);
    const event = new WireMessages(`2["messages","${'x'.repeat(1_000)}"]`);
    expect(outlet.admit(event.bytes)).toBe(true);
    outlet.messages(event);
    flush();
    await pause(1);
  }
});

test('G10: a client that reads slowly stays, however much it was sent; one that stops reading is ended', async () => {
  const socket = await connected();
  const outlet = new SocketOutlet(socket, { maxBufferedBytes: 100_000, maxSocketBytes: 1_000_000 });
  let reason = '';
  socket.on('disconnect', (why) => {
    reason = why;
  });
  const tcp = (client as unknown as { _socket: TcpSocket })._socket;
  let isReading = true;
  tcp.on('data', () => {
    tcp.pause();
    setTimeout(() => isReading && tcp.resume(), 1);
  });
  const reply = 'x'.repeat(20_000);
  let sent = 0;
  for (; sent < 6_000_000 && reason === ''; await pause(0)) {
    while (reason === '' && heldFor(socket) < 700_000) {
      socket.emit('reply', reply);
      sent += reply.length;
    }
    // In the same turn: by the next one the system may have taken all of it.
    expect(outlet.admit(1)).toBe(false);
  }
  expect(reason).toBe('');

  isReading = false;
  // What the system takes comes first.
  for (let i = 0; i < 2_000 && reason === ''; i += 1) {
    socket.emit('reply', reply);
    if (i % 20 === 0) await pause(0);
  }
  expect(reason).toBe('forced close');
});

test('G10: nothing stays on a connection of a namespace that was left', async () => {
  const counts = new Set<number>();
  for (let i = 1; i <= 20; i += 1) {
    const socket = await connected(i);
    const outlet = new SocketOutlet(socket, { maxBufferedBytes: 100_000, maxSocketBytes: 1_000_000 });
    socket.on('disconnect', () => outlet.close());
    const left = once(socket, 'disconnect');
    client.send('41');
    await left;
    counts.add(socket.conn.listenerCount('packetCreate'));
  }
  expect(counts.size).toBe(1);
});
