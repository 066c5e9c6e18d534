/** How the parts of the store come to its data: reads of one snapshot, and steps of write transactions. */
import { setImmediate as turn } from 'node:timers/promises';
import { StoreUnavailable } from '../../chat/store-unavailable.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Environment } from './environment.ts';
import { unavailable, WriteQueue, type WriteQueueOptions } from './write-queue.ts';

export interface Committed<T> {
  readonly value: T;
  /** Resolves when it is on the disk. */
  readonly flushed: Promise<void>;
}

export interface CommitOptions {
  /** In a transaction of this turn. */
  readonly isUrgent?: boolean;
  /** How many wait for the flush (flusher.ts). */
  readonly posts?: number;
}

export class LmdbData {
  readonly env: Environment;
  /** Wall-clock time, ms since 1970. */
  readonly now: () => number;
  readonly #queue: WriteQueue;
  #closed: Promise<void> | undefined;

  constructor(env: Environment, now: () => number, options: WriteQueueOptions) {
    this.env = env;
    this.now = now;
    const check = (): void => {
      env.checkFiles();
      env.flusher.check();
    };
    this.#queue = new WriteQueue(env, check, options);
  }

  /** Transactions that could not be committed. */
  get failures(): number {
    return this.#queue.failures;
  }

  /** One snapshot: everything that was committed before. */
  read<T>(look: () => T): T {
    if (this.#closed !== undefined) throw new StoreUnavailable('the store is closed');
    try {
      this.env.root.resetReadTxn();
      return look();
    } catch (error) {
      throw error instanceof ChatError ? error : unavailable(error);
    }
  }

  /** Resolves when it is on the disk. */
  async write<T>(step: () => T): Promise<T> {
    const { value, flushed } = await this.commit(step);
    await flushed;
    return value;
  }

  /** Resolves when others see it and it survives this process. */
  async commit<T>(step: () => T, { isUrgent = false, posts = 0 }: CommitOptions = {}): Promise<Committed<T>> {
    const value = await this.#queue.run(step, { isUrgent });
    return { value, flushed: this.#flush(posts) };
  }

  /** As `commit`, of what a crash of the machine may undo: no flush is asked for it. */
  note<T>(step: () => T): Promise<T> {
    return this.#queue.run(step);
  }

  close(): Promise<void> {
    this.#closed ??= this.#queue
      .close()
      // What was committed last asks for its flush in this turn.
      .then(() => turn())
      .then(() => this.env.flusher.close())
      .then(() => this.env.root.close());
    return this.#closed;
  }

  async #flush(posts: number): Promise<void> {
    try {
      await this.env.flusher.flush(posts);
    } catch (error) {
      throw unavailable(error);
    }
  }
}
