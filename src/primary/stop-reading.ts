/**
 * Stops the kernel's reads of a socket in this very tick, so that nothing the client sends from
 * now on is read here (TRAPS 0 row 0).
 *
 * `pause()` alone does not: it stops the stream, and the http server's own `pause` hook, which
 * would stop the handle, is gone as soon as anybody listens for `data` (seen on Node 20.20.2:
 * one connection in twenty lost its first packet). So the handle itself is told. It has no
 * public name; a socket without one is closed, and there is nothing to stop.
 */
import type { Socket } from 'node:net';

interface ReadHandle {
  reading?: boolean;
  readStop(): number;
}

export function stopReading(socket: Socket): void {
  socket.pause();
  const handle = handleOf(socket);
  if (handle === undefined) return;
  handle.readStop();
  handle.reading = false;
}

function handleOf(socket: object): ReadHandle | undefined {
  const handle: unknown = '_handle' in socket ? socket._handle : undefined;
  return typeof handle === 'object' && handle !== null && 'readStop' in handle
    ? (handle as ReadHandle)
    : undefined;
}
