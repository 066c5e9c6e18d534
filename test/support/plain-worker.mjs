/**
 * A worker for the primary's tests: plain HTTP and Socket.IO, nothing stored.
 *
 * Does what the primary's config says, and writes each request it sees to `requestsFile`.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { createAdapter } from '@socket.io/cluster-adapter';
import { setupWorker } from '@socket.io/sticky';
import { Server } from 'socket.io';

const tell = (message) =>
  process.connected && process.send({ chat: true, ...message }, undefined, {}, () => {});
const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
let io;

async function begin({ config, slot }) {
  const note = (line) => appendFileSync(config.requestsFile, `${line}\n`);
  await pause(config.bootMs ?? 0);
  if (config.dies) process.exit(3);
  if (config.fails || existsSync(config.brokenFile)) {
    tell({ type: 'failed', message: 'the plain worker was told to fail', exitCode: config.exitCode ?? 69 });
    setTimeout(() => process.exit(1), 50);
    return;
  }
  const http = createServer((request, response) => {
    note(`${request.method} ${request.url}`);
    let bytes = 0;
    request.on('data', (chunk) => {
      bytes += chunk.length;
    });
    request.on('end', () =>
      response.end(
        JSON.stringify({ pid: process.pid, slot, method: request.method, url: request.url, bytes }),
      ),
    );
    request.on('error', () => note(`cut ${request.url}`));
  });
  http.emit('listening');
  io = new Server(http, { maxHttpBufferSize: 2e6, pingInterval: 1_000 });
  if (config.adapter === 'cluster') io.adapter(createAdapter());
  setupWorker(io);
  io.on('connection', (socket) => {
    socket.emit('welcome', { pid: process.pid, slot });
    socket.on('size', (text, reply) => reply({ pid: process.pid, size: text.length }));
    // Stops this worker's event loop, as a heavy tick would.
    socket.on('block', block);
    // Its channel ends a while before it does, as when a big process is killed.
    socket.on('die slowly', (blockMs, dyingMs) => {
      block(blockMs);
      process.prependListener('disconnect', () => block(dyingMs));
      process.disconnect();
    });
    socket.on('nodes', async (reply) => {
      try {
        reply({ sockets: (await io.fetchSockets()).length });
      } catch (error) {
        reply({ error: error.message });
      }
    });
  });
  tell({ type: 'ready' });
  setInterval(
    () => tell({ type: 'status', ready: true, reasons: [], sockets: io.engine.clientsCount }),
    200,
  ).unref();
}

async function drain({ reason, overMs }) {
  for (const socket of io.of('/').sockets.values()) {
    socket.emit('closing', { reason, reconnectAfterMs: overMs });
  }
  await pause(overMs);
  for (const socket of io.of('/').sockets.values()) socket.conn.close();
  await pause(50);
  process.exit(0);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
process.on('message', (message) => {
  if (message?.chat !== true) return;
  if (message.type === 'begin') void begin(message);
  if (message.type === 'ping') tell({ type: 'pong', at: message.at });
  if (message.type === 'drain') void drain(message);
});
tell({ type: 'hello' });
