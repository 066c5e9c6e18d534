/**
 * The connections whose body passes through the primary (TRAPS 1.1: the kept path).
 *
 * Each has an absolute time, only the bytes of its own body are passed on, and it ends with
 * its worker: the rest of a body must never be read as a new request (trap 18).
 */
import type { Worker } from 'node:cluster';
import type { Socket } from 'node:net';
import type { BodyMeter } from './body-meter.ts';
import { Deadlines } from './deadlines.ts';
import type { Feed } from './sticky-router.ts';

export interface KeptOptions {
  /** From the hand-off until the answer has left. */
  readonly keptMs: number;
  /** Bytes on their way to one worker; over it the clients are not read from. */
  readonly maxInFlightBytes: number;
}

interface Kept {
  readonly socket: Socket;
  readonly meter: BodyMeter;
  readonly worker: WorkerBodies;
  readonly feed: Feed;
}

/** What is under way to one worker. */
interface WorkerBodies {
  readonly all: Set<Kept>;
  readonly paused: Set<Kept>;
  inFlightBytes: number;
}

export class KeptConnections {
  readonly #options: KeptOptions;
  readonly #kept: Deadlines<Kept>;
  readonly #workers = new Map<number, WorkerBodies>();

  constructor(options: KeptOptions) {
    this.#options = options;
    this.#kept = new Deadlines(options.keptMs);
  }

  get size(): number {
    return this.#kept.size;
  }

  /** From now on what the socket sends is passed on by `feed`, as far as the meter says. */
  add(socket: Socket, worker: Worker, meter: BodyMeter, feed: Feed, now: number): void {
    const bodies = this.#bodiesOf(worker.id);
    const kept: Kept = { socket, meter, worker: bodies, feed };
    bodies.all.add(kept);
    this.#kept.add(kept, now);
    socket.on('close', () => this.#forget(kept));
    // Without the rest of its body the request is void.
    socket.on('end', () => {
      if (!meter.isComplete) socket.destroy();
    });
    // What comes after the body is not of this request, and dropped: the answer says `Connection: close`.
    socket.on('data', (chunk: Buffer) => {
      if (!meter.isComplete && !socket.writableEnded) this.#pass(kept, chunk);
    });
    socket.resume();
  }

  /** Ends the one that has been under way for longest. */
  evict(): void {
    const oldest = this.#kept.oldest();
    if (oldest === undefined) return;
    // It says that it is closed at the end of this turn, in which more may have to go.
    this.#forget(oldest);
    oldest.socket.destroy();
  }

  expire(now: number): void {
    for (const { socket } of this.#kept.expire(now)) socket.destroy();
  }

  /** The worker is gone. */
  drop(worker: Worker): void {
    for (const { socket } of this.#workers.get(worker.id)?.all ?? []) socket.destroy();
    this.#workers.delete(worker.id);
  }

  close(): void {
    for (const { socket } of this.#kept.clear()) socket.destroy();
  }

  #pass(kept: Kept, chunk: Buffer): void {
    const { socket, worker } = kept;
    let count: number;
    try {
      count = kept.meter.take(chunk);
    } catch {
      // Malformed or too long in the midst: the worker has half of it, no answer can be honest.
      socket.destroy();
      return;
    }
    worker.inFlightBytes += count;
    kept.feed(count === chunk.length ? chunk : chunk.subarray(0, count), (error) => {
      worker.inFlightBytes -= count;
      if (error !== null) socket.destroy();
      if (worker.inFlightBytes * 2 <= this.#options.maxInFlightBytes) this.#resume(worker);
    });
    if (worker.inFlightBytes > this.#options.maxInFlightBytes) {
      socket.pause();
      worker.paused.add(kept);
    }
  }

  #resume(worker: WorkerBodies): void {
    for (const { socket } of worker.paused) if (!socket.destroyed) socket.resume();
    worker.paused.clear();
  }

  #forget(kept: Kept): void {
    this.#kept.delete(kept);
    kept.worker.all.delete(kept);
    kept.worker.paused.delete(kept);
  }

  #bodiesOf(id: number): WorkerBodies {
    let bodies = this.#workers.get(id);
    if (bodies === undefined) {
      bodies = { all: new Set(), paused: new Set(), inFlightBytes: 0 };
      this.#workers.set(id, bodies);
    }
    return bodies;
  }
}
