/**
 * The one place that touches @socket.io/sticky in the primary, and what it has to know of it.
 *
 * The library reads the head itself: it takes a `sid=` from any header, keeps whatever
 * mentions a length, counts clients too late, and knows no booting worker (TRAPS 1). Here
 * it decides none of that: it is shown a head that says only what the front has decided,
 * and `clientsCount`, by which it chooses, points at the worker that the front has chosen.
 * What it still does is the hand-off itself and the answers of kept connections. This relies
 * on the shape of version 2.0.1, which is pinned; the e2e tests of the traps watch over it.
 */
import cluster, { type Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { setupMaster } from '@socket.io/sticky';

/** Called once the message has left for the worker, or could not. */
export type OnSent = (error: Error | null) => void;

/** Passes on more bytes of a kept connection. */
export type Feed = (chunk: Buffer, onSent: OnSent) => void;

export interface SessionEvents {
  onSessionOpened(sid: string, worker: Worker): void;
  onSessionClosed(sid: string, worker: Worker): void;
}

type ChunkListener = (chunk: Buffer) => void;

export class StickyRouter {
  readonly #entrance = new EventEmitter();
  readonly #workerOf = new Map<string, Worker>();

  /** Whom the library must choose in the present call. */
  #target: Worker | undefined;

  constructor(events: SessionEvents) {
    // All that the library asks of a server is its `connection` event.
    setupMaster(this.#entrance as Server, { loadBalancingMethod: 'least-connection' });
    cluster.on('message', (worker: Worker, message: unknown) => {
      const report = readReport(message);
      if (report === undefined) return;
      if (report.isOpen) {
        this.#workerOf.set(report.sid, worker);
        events.onSessionOpened(report.sid, worker);
      } else {
        this.#workerOf.delete(report.sid);
        events.onSessionClosed(report.sid, worker);
      }
    });
  }

  workerOf(sid: string): Worker | undefined {
    return this.#workerOf.get(sid);
  }

  get sessions(): number {
    return this.#workerOf.size;
  }

  /** To be called in the tick of the fork: from then on the library passes it by. */
  enrol(worker: Worker): void {
    Object.defineProperty(worker, 'clientsCount', {
      get: () => (worker === this.#target ? 0 : Infinity),
      // The library counts by this field; the front has a count of its own.
      set: () => {},
    });
  }

  /** The worker is gone, and its sessions with it. */
  forget(worker: Worker): void {
    for (const [sid, owner] of this.#workerOf) if (owner === worker) this.#workerOf.delete(sid);
  }

  /** Sends the socket itself to the worker, with what was read of it. It must be paused. */
  handOff(socket: Socket, worker: Worker, read: Buffer, onSent: OnSent): void {
    const listener = this.#introduce(socket);
    this.#call(worker, onSent, socket, () => listener.call(socket, disguise(read, '')));
  }

  /** Keeps the socket and sends its bytes; the worker sees a stand-in. */
  keep(socket: Socket, worker: Worker, read: Buffer, onSent: OnSent): Feed {
    const listener = this.#introduce(socket);
    this.#call(worker, onSent, undefined, () => listener.call(socket, disguise(read, 'content-length:')));
    return (chunk, onChunkSent) => {
      this.#call(worker, onChunkSent, undefined, () => listener.call(socket, chunk));
    };
  }

  /** Lets the library attach to the socket, and takes its data listener away for our own use. */
  #introduce(socket: Socket): ChunkListener {
    this.#entrance.emit('connection', socket);
    const listeners = socket.listeners('data');
    const listener = listeners.at(-1) as ChunkListener | undefined;
    if (listener === undefined || listeners.length !== 1)
      throw new Error('@socket.io/sticky has another shape than 2.0.1');
    socket.removeListener('data', listener);
    return listener;
  }

  /** The library sends once in the call: that send goes out with our callback in place of its own. */
  #call(worker: Worker, onSent: OnSent, handle: Socket | undefined, call: () => void): void {
    this.#target = worker;
    worker.send = ((message: object) =>
      worker.process.send(message, handle, { keepOpen: false }, onSent)) as Worker['send'];
    try {
      call();
    } finally {
      // Uncovers the method of the prototype again.
      Reflect.deleteProperty(worker, 'send');
      this.#target = undefined;
    }
  }
}

/**
 * The same bytes, but asked for its head (`subarray`, which the library does nothing else
 * with) it answers `head`. What is sent to the worker are the bytes.
 */
function disguise(read: Buffer, head: string): Buffer {
  return Object.defineProperty(Buffer.from(read), 'subarray', { value: () => head });
}

function readReport(message: unknown): { readonly sid: string; readonly isOpen: boolean } | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message) || !('data' in message))
    return undefined;
  const { type, data } = message;
  if (typeof data !== 'string') return undefined;
  if (type === 'sticky:connection') return { sid: data, isOpen: true };
  if (type === 'sticky:disconnection') return { sid: data, isOpen: false };
  return undefined;
}
