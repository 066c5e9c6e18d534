/**
 * The two things that only a socket's handle can do. It has no public name; a socket without
 * one is closed, or its handle has left for a worker.
 *
 * Reading: `pause()` stops the stream alone. The http server's own `pause` hook, which would
 * stop the handle, is gone as soon as anybody listens for `data` (seen on Node 20.20.2: one
 * connection in twenty lost its first packet; TRAPS 0 row 0).
 * Closing: Node closes its copy of a handle when the worker has confirmed it. A worker that
 * dies before never does, and its client would wait for ever (seen on Node 20.20.2).
 */
import type { Socket } from 'node:net';

interface Handle {
  reading?: boolean;
  readStop(): number;
  close(): void;
}

/** Stops the kernel's reads in this very tick: nothing the client sends from now on is read here. */
export function stopReading(socket: Socket): void {
  socket.pause();
  const handle = handleOf(socket);
  if (handle === undefined) return;
  handle.readStop();
  handle.reading = false;
}

/** Closes this process's copy of the handle, also after it has left. Twice is the same as once. */
export function closerOf(socket: Socket): () => void {
  const handle = handleOf(socket);
  return () => handle?.close();
}

function handleOf(socket: object): Handle | undefined {
  const handle: unknown = '_handle' in socket ? socket._handle : undefined;
  return typeof handle === 'object' && handle !== null && 'readStop' in handle
    ? (handle as Handle)
    : undefined;
}
