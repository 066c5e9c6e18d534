/**
 * Holds back what is written to sockets until they are flushed together: ws writes each frame by
 * itself, and a system call costs more than everything else about a small frame.
 */
import type { Socket } from 'node:net';

export class WriteGather {
  readonly #onFirst: (flush: () => void) => void;
  #held = new Set<Socket>();

  /** `onFirst`: something is held; `flush` lets everything go. */
  constructor(onFirst: (flush: () => void) => void) {
    this.#onFirst = onFirst;
  }

  /** What is written to it from here on leaves with the flush. */
  hold(socket: Socket): void {
    if (this.#held.has(socket)) return;
    if (this.#held.size === 0) this.#onFirst(this.#flush);
    this.#held.add(socket);
    socket.cork();
  }

  readonly #flush = (): void => {
    const held = this.#held;
    this.#held = new Set();
    for (const socket of held) socket.uncork();
  };
}
