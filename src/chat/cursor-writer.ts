/**
 * Writes cursors like the committer writes posts: one write in flight, everything that arrived
 * meanwhile is the next. Many moves of one device in one room become the furthest of them.
 */
import { ChatError } from '../protocol/errors.ts';
import type { Store } from './store.ts';
import type { CursorMove } from './store-types.ts';

interface Waiting {
  move: CursorMove;
  readonly done: { resolve: () => void; reject: (error: unknown) => void }[];
}

export class CursorWriter {
  readonly #store: Pick<Store, 'moveCursors'>;
  readonly #maxWaiting: number;
  #waiting = new Map<string, Waiting>();
  #isWriting = false;

  constructor(
    store: Pick<Store, 'moveCursors'>,
    { maxWaiting = 50_000 }: { readonly maxWaiting?: number | undefined } = {},
  ) {
    this.#store = store;
    this.#maxWaiting = maxWaiting;
  }

  /** Resolves when the store has it. Rejects with `busy` or what the store says. */
  move(move: CursorMove): Promise<void> {
    const key = `${move.room} ${move.user} ${move.device}`;
    const known = this.#waiting.get(key);
    if (known === undefined && this.#waiting.size >= this.#maxWaiting) {
      return Promise.reject(
        new ChatError('busy', `${this.#maxWaiting} cursors are waiting to be written, the limit`),
      );
    }
    return new Promise((resolve, reject) => {
      if (known === undefined) this.#waiting.set(key, { move, done: [{ resolve, reject }] });
      else {
        known.done.push({ resolve, reject });
        // In another epoch the store decides which is further; it gets the newer one to see.
        if (known.move.to.epoch !== move.to.epoch || known.move.to.seq < move.to.seq) known.move = move;
      }
      if (!this.#isWriting) void this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    // Whatever arrives in this turn goes along.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const taken = [...this.#waiting.values()];
      this.#waiting = new Map();
      try {
        await this.#store.moveCursors(taken.map((waiting) => waiting.move));
        for (const { done } of taken) for (const { resolve } of done) resolve();
      } catch (error) {
        for (const { done } of taken) for (const { reject } of done) reject(error);
      }
    }
    this.#isWriting = false;
  }
}
