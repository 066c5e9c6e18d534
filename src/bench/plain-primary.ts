/**
 * The primary of `plain`: what the Socket.IO documentation shows, @socket.io/sticky in front
 * and, without Redis, the cluster adapter between the workers.
 *
 * With one repair, without which it loses connections in any burst, so that there would be
 * nothing to measure: a socket's whole head is collected and its reading stopped before it is
 * handed over. And no worker gets clients before it says that it is ready.
 */
import cluster from 'node:cluster';
import { EventEmitter } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setupPrimary } from '@socket.io/cluster-adapter';
import { setupMaster } from '@socket.io/sticky';

const WORKER = fileURLToPath(new URL(`plain-worker${extname(import.meta.url)}`, import.meta.url));
const END_OF_HEAD = '\r\n\r\n';

/**
 * `pause()` is not enough: it only stops the stream, which goes on filling its buffer from the
 * handle. (The http server's hook that stops the handle too goes away with the first `data`
 * listener.) What is read after the hand-over is lost.
 */
function stopReading(socket: Socket): void {
  socket.pause();
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readStop(): number } };
  handle?.readStop();
}

/** The repair: `router` gets a socket once its head is whole and nothing reads it. */
function collectHead(socket: Socket, router: EventEmitter): void {
  let head = Buffer.alloc(0);
  socket.removeAllListeners('data');
  socket.on('error', () => socket.destroy());
  const onData = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(END_OF_HEAD);
    if (end < 0) return;
    socket.removeListener('data', onData);
    // The library's own test for what it carries over by itself, byte by byte.
    const hasBody = /content-length:|transfer-encoding:/.test(head.toString('latin1', 0, end).toLowerCase());
    if (!hasBody) stopReading(socket);
    router.emit('connection', socket);
    socket.listeners('data').at(-1)?.call(socket, head);
  };
  socket.on('data', onData);
}

async function start(workers: number, isClusterAdapter: boolean): Promise<void> {
  const front: Server = createServer();
  const router = new EventEmitter();
  // It needs no more of a server than its `connection` event.
  setupMaster(router as Server, { loadBalancingMethod: 'least-connection' });
  cluster.setupPrimary({ exec: WORKER, args: [], serialization: 'advanced' });
  if (isClusterAdapter) setupPrimary();
  await Promise.all(
    Array.from({ length: workers }, () => {
      const worker = cluster.fork();
      return new Promise<void>((resolve, reject) => {
        worker.on('message', (message: { type?: string }) => {
          if (message.type === 'plain:ready') resolve();
        });
        worker.once('exit', (code) => reject(new Error(`a plain worker ended with ${code}`)));
      });
    }),
  );
  cluster.on('exit', () => cluster.fork());
  front.on('connection', (socket: Socket) => collectHead(socket, router));
  front.listen(0, '127.0.0.1', () => {
    const { port } = front.address() as AddressInfo;
    process.stdout.write(`plain ready http://127.0.0.1:${port}\n`);
  });
}

// Whoever measures is gone: so is this, and with it the workers.
process.stdin.resume().on('end', () => process.exit(0));
await start(Number(process.env['PLAIN_WORKERS'] ?? 2), process.env['PLAIN_REDIS_URL'] === undefined);
