/**
 * The one way to write: a transaction is being made, everything that was asked meanwhile is the
 * next.
 *
 *     run ──▶ queue ──▶ transaction: step, step, step ──▶ visible ──▶ flushed
 *                             ▲                             │
 *                             └──── the next may begin ─────┘
 *
 * LMDB takes its writer lock on a thread of libuv's small pool. Were several transactions
 * waiting for a lock that a stopped worker holds, they would take the whole pool with them;
 * so at most one waits, and at most `MAX_UNFLUSHED` are on their way to the disk. A refusal
 * (`ChatError`) comes before a step's first write and stands alone; any other failure undoes
 * the whole transaction.
 */
import type { RootDatabase } from 'lmdb';
import { ABORT } from 'lmdb';
import { StoreUnavailable } from '../../chat/store.ts';
import { ChatError } from '../../protocol/errors.ts';
import { watchCommits } from './visible-commits.ts';

/** What a step made: every process can see it. */
export interface Written<T> {
  readonly value: T;
  /** Resolves when it is on the disk; rejects with `StoreUnavailable`. */
  readonly flushed: Promise<void>;
}

interface Waiting {
  /** Does the work; how it went is kept until the transaction is committed. */
  readonly step: () => void;
  readonly resolve: (flushed: Promise<void>) => void;
  readonly reject: (error: unknown) => void;
  refusal?: ChatError;
}

export interface WriteQueueOptions {
  readonly maxWaiting?: number | undefined;
  /** Nothing can be written any more until the environment is opened by another process. */
  readonly onPanic?: ((error: Error) => void) | undefined;
}

/** Commits that are visible or being made, and not flushed: one for the disk, one behind it. */
const MAX_UNFLUSHED = 2;
/** lmdb.h: "update of meta page failed or environment had fatal error". */
const MDB_PANIC = -30_795;

export class WriteQueue {
  readonly #root: RootDatabase;
  readonly #check: () => void;
  readonly #maxWaiting: number;
  readonly #onPanic: ((error: Error) => void) | undefined;
  readonly #watch: (onVisible: () => void) => void;

  #waiting: Waiting[] = [];
  /** A transaction is being made that nobody sees yet. */
  #isWriting = false;
  #unflushed = 0;
  #onIdle: (() => void)[] = [];
  #isClosed = false;
  #hasFailed = false;

  /** `check` runs before each transaction and throws when nothing may be written. */
  constructor(
    root: RootDatabase,
    check: () => void,
    { maxWaiting = 50_000, onPanic }: WriteQueueOptions = {},
  ) {
    this.#root = root;
    this.#check = check;
    this.#maxWaiting = maxWaiting;
    this.#onPanic = onPanic;
    this.#watch = watchCommits(root);
  }

  /**
   * Runs a step inside a write transaction. Resolves when others can see it;
   * rejects with the step's `ChatError`, else with `StoreUnavailable`.
   */
  async write<T>(step: () => T): Promise<Written<T>> {
    let result: { readonly value: T } | undefined;
    const run = (): void => {
      result = { value: step() };
    };
    const flushed = await new Promise<{ readonly promise: Promise<void> }>((resolve, reject) => {
      if (this.#isClosed) return reject(new StoreUnavailable('the store is closed'));
      if (this.#waiting.length >= this.#maxWaiting)
        return reject(new StoreUnavailable(`${this.#maxWaiting} writes are waiting, the limit`));
      this.#waiting.push({ step: run, resolve: (promise) => resolve({ promise }), reject });
      this.#pump();
    });
    if (result === undefined) throw new Error('a step that was not run');
    return { value: result.value, flushed: flushed.promise };
  }

  /** As `write`, but resolves when it is on the disk. */
  async run<T>(step: () => T): Promise<T> {
    const { value, flushed } = await this.write(step);
    await flushed;
    return value;
  }

  /** The last transaction could not be committed. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Takes no more; resolves when what was asked before is answered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#unflushed === 0) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  #pump(): void {
    if (this.#isWriting || this.#waiting.length === 0 || this.#unflushed >= MAX_UNFLUSHED) return;
    const taken = this.#waiting;
    this.#waiting = [];
    this.#isWriting = true;
    this.#unflushed += 1;
    void this.#commit(taken);
  }

  /** Never rejects. */
  async #commit(taken: readonly Waiting[]): Promise<void> {
    let isSeen = false;
    const show = (flushed: Promise<void>): void => {
      if (isSeen) return;
      isSeen = true;
      for (const { refusal, resolve, reject } of taken) {
        if (refusal === undefined) resolve(flushed);
        else reject(refusal);
      }
      this.#isWriting = false;
      this.#pump();
    };
    try {
      const flushed = this.#transact(taken, () => show(flushed));
      await flushed;
      this.#hasFailed = false;
      show(flushed);
    } catch (error) {
      this.#hasFailed = true;
      if (!isSeen) {
        isSeen = true;
        this.#isWriting = false;
        for (const { refusal, reject } of taken) reject(refusal ?? error);
      }
    }
    this.#unflushed -= 1;
    this.#pump();
    if (this.#unflushed === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Resolves when the transaction is flushed; rejects with `StoreUnavailable`. */
  async #transact(taken: readonly Waiting[], onVisible: () => void): Promise<void> {
    let failure: unknown;
    try {
      this.#check();
      this.#watch(() => {
        if (failure === undefined) onVisible();
      });
      const outcome = await this.#root.childTransaction(() => {
        try {
          for (const waiting of taken) runStep(waiting);
          return undefined;
        } catch (error) {
          failure = error;
          return ABORT;
        }
      });
      if (outcome !== ABORT) return;
    } catch (error) {
      failure = await reasonOf(error);
      if (failure instanceof Error && isPanic(failure)) this.#onPanic?.(failure);
    }
    throw unavailable(failure);
  }
}

function runStep(waiting: Waiting): void {
  try {
    waiting.step();
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    waiting.refusal = error;
  }
}

/** LMDB says that a commit failed, and why in a promise of its own that must be caught too. */
async function reasonOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (reason) {
    const why = reason instanceof Error ? reason.message : String(reason);
    return new Error(`${error.message.replace(' (see commitError for details)', '')}: ${why}`, {
      cause: reason,
    });
  }
}

function isPanic(error: Error): boolean {
  return 'code' in error ? error.code === MDB_PANIC : error.cause instanceof Error && isPanic(error.cause);
}

export function unavailable(error: unknown): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error;
  return new StoreUnavailable(error instanceof Error ? error.message : String(error), { cause: error });
}
