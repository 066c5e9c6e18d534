/** A client's connection while the primary has it, from the complete head on. */
import type { Socket } from 'node:net';
import type { RequestHead } from './request-head.ts';

export interface Connection {
  readonly socket: Socket;
  readonly head: RequestHead;
  /** The head, and of what came with it what belongs to this request, or may. */
  readonly read: Buffer;
  /** Where in `read` the head ends, its empty line included. */
  readonly headBytes: number;
  /** Whether it begins a session, by which workers are balanced. */
  readonly isHandshake: boolean;
}

/** Whether the socket was closed or answered, or its handle has left for a worker. */
export function isGone(socket: Socket): boolean {
  return socket.destroyed || socket.writableEnded || !('port' in socket.address());
}
