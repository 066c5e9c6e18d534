/**
 * Collects whole request heads from new sockets.
 *
 * Bounded in size and time for each and in all together, absolutely: a byte now and then buys
 * nobody more (traps 1 and 10). In the tick in which a head is complete the socket stops
 * reading, so that what follows stays in the kernel for the worker (trap 0).
 */
import type { Socket } from 'node:net';
import { Deadlines } from './deadlines.ts';
import { Refusal } from './refusal.ts';
import { stopReading } from './socket-handle.ts';

export interface HeadReaderOptions {
  readonly maxHeadBytes: number;
  readonly headMs: number;
  /** Sockets whose head is not complete; over it the one that has waited longest goes. */
  readonly maxWaiting: number;
  /** What these sockets have sent so far, together. */
  readonly maxWaitingBytes: number;
}

export interface HeadEvents {
  /** `read` begins with a head of `headBytes` bytes. The socket is paused. */
  onHead(socket: Socket, read: Buffer, headBytes: number): void;
  onRefused(socket: Socket, refusal: Refusal): void;
}

const END_OF_HEAD = '\r\n\r\n';

interface Waiting {
  readonly socket: Socket;
  readonly onData: (chunk: Buffer) => void;
  readonly onClose: () => void;
  /** Grows by doubling; `length` bytes of it are used. */
  store: Buffer;
  length: number;
}

export class HeadReader {
  readonly #options: HeadReaderOptions;
  readonly #events: HeadEvents;
  readonly #waiting: Deadlines<Waiting>;
  #heldBytes = 0;

  constructor(options: HeadReaderOptions, events: HeadEvents) {
    this.#options = options;
    this.#events = events;
    this.#waiting = new Deadlines(options.headMs);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  read(socket: Socket, now: number): void {
    // The parser of the http server; the head is read here instead.
    socket.removeAllListeners('data');
    const waiting: Waiting = {
      socket,
      onData: (chunk) => this.#handleData(waiting, chunk),
      onClose: () => this.#release(waiting),
      store: Buffer.alloc(0),
      length: 0,
    };
    this.#waiting.add(waiting, now);
    socket.on('data', waiting.onData);
    socket.on('close', waiting.onClose);
    if (this.#waiting.size > this.#options.maxWaiting) this.#evict();
  }

  /** Refuses those whose time is over. */
  expire(now: number): void {
    for (const waiting of this.#waiting.expire(now)) {
      this.#heldBytes -= waiting.length;
      const { headMs } = this.#options;
      this.#refuse(waiting, new Refusal(408, `the head was not complete within ${headMs} ms`));
    }
  }

  /** Refuses all that wait; the server is going away. */
  close(refusal: Refusal): void {
    for (const waiting of this.#waiting.clear()) this.#refuse(waiting, refusal);
    this.#heldBytes = 0;
  }

  #handleData(waiting: Waiting, chunk: Buffer): void {
    const { maxHeadBytes, maxWaitingBytes } = this.#options;
    const before = waiting.length;
    const read = before === 0 ? chunk : this.#append(waiting, chunk);
    const end = read.indexOf(END_OF_HEAD, Math.max(0, before - 3));
    if (end < 0 ? read.length > maxHeadBytes : end + END_OF_HEAD.length > maxHeadBytes) {
      this.#release(waiting);
      this.#refuse(waiting, new Refusal(431, `the head has more than ${maxHeadBytes} bytes`));
      return;
    }
    if (end < 0) {
      if (before === 0) this.#append(waiting, chunk);
      this.#heldBytes += chunk.length;
      if (this.#heldBytes > maxWaitingBytes) this.#evict();
      return;
    }
    this.#release(waiting);
    this.#detach(waiting);
    stopReading(waiting.socket);
    this.#events.onHead(waiting.socket, read, end + END_OF_HEAD.length);
  }

  /** A segment of one byte must not cost a copy of all that came before. */
  #append(waiting: Waiting, chunk: Buffer): Buffer {
    const length = waiting.length + chunk.length;
    if (length > waiting.store.length) {
      const store = Buffer.allocUnsafeSlow(Math.max(length, waiting.store.length * 2, 512));
      waiting.store.copy(store, 0, 0, waiting.length);
      waiting.store = store;
    }
    chunk.copy(waiting.store, waiting.length);
    waiting.length = length;
    return waiting.store.subarray(0, length);
  }

  #evict(): void {
    const oldest = this.#waiting.oldest();
    if (oldest === undefined) return;
    this.#release(oldest);
    this.#refuse(oldest, new Refusal(503, 'too many connections wait for the rest of their head'));
  }

  #release(waiting: Waiting): void {
    if (!this.#waiting.delete(waiting)) return;
    this.#heldBytes -= waiting.length;
  }

  #detach({ socket, onData, onClose }: Waiting): void {
    socket.removeListener('data', onData);
    socket.removeListener('close', onClose);
  }

  #refuse(waiting: Waiting, refusal: Refusal): void {
    this.#detach(waiting);
    this.#events.onRefused(waiting.socket, refusal);
  }
}
