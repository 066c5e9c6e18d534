/**
 * The one way to write: a transaction in flight, everything that was asked meanwhile is the next.
 *
 *     run ──▶ queue ──(none in flight)──▶ transaction: step, step, step ──▶ committed ──▶ answered
 *
 * A step begins one at the end of the present turn of the event loop, 10 ms after the last at the
 * earliest: a crowd that joins is a few transactions, and its answers wait for a flush anyway. An
 * urgent step begins one now, for all who wait.
 *
 * While the writer lock is free, a transaction is made at once. Else LMDB waits for it on a
 * thread of libuv's small pool. Were several transactions waiting for a lock that a stopped
 * worker holds, they would take the whole pool with them; so at most one waits. A refusal
 * (`ChatError`) comes before a step's first write and stands alone; any other failure undoes the
 * whole transaction. Steps may run again, in a new one: they keep nothing of the one before.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { ABORT } from 'lmdb';
import { StoreUnavailable } from '../../chat/store-unavailable.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Environment } from './environment.ts';
import { canBegin, CannotBegin, commitFailure, isPanic, isUndone } from './panic.ts';

interface Waiting {
  /** Does the work; how it went is kept until the transaction is committed. */
  readonly step: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  refusal?: ChatError;
}

export interface WriteQueueOptions {
  readonly maxWaiting?: number | undefined;
  /** Nothing can be written any more until the environment is opened by another process. */
  readonly onPanic?: ((error: Error) => void) | undefined;
}

/** Milliseconds from a transaction to the next, where nothing in it is urgent. */
const APART_MS = 10;
/** A transaction takes no further step after so many milliseconds: others wait for the lock, and the event loop stands still. */
const HOLD_MS = 20;
const MAX_TRIES = 100;
/** Of them, with an end by LMDB itself. */
const MAX_UNDONE = 5;

export class WriteQueue {
  readonly #env: Pick<Environment, 'root' | 'base' | 'lock' | 'flusher'>;
  readonly #check: () => void;
  readonly #maxWaiting: number;
  readonly #onPanic: ((error: Error) => void) | undefined;

  #waiting: Waiting[] = [];
  #isWriting = false;
  #isPlanned = false;
  /** When the last transaction began, by `performance.now()`. */
  #since = Number.NEGATIVE_INFINITY;
  #onIdle: (() => void)[] = [];
  #isClosed = false;
  #failures = 0;
  /** Another waited for the lock while it was held here, and is to have it next. */
  #isWanted = false;

  /** `check` runs before each transaction and throws when nothing may be written. */
  constructor(
    env: Pick<Environment, 'root' | 'base' | 'lock' | 'flusher'>,
    check: () => void,
    { maxWaiting = 50_000, onPanic }: WriteQueueOptions = {},
  ) {
    this.#env = env;
    this.#check = check;
    this.#maxWaiting = maxWaiting;
    this.#onPanic = onPanic;
  }

  /**
   * Runs a step inside a write transaction. Resolves when that is committed;
   * rejects with the step's `ChatError`, else with `StoreUnavailable`.
   */
  async run<T>(step: () => T, { isUrgent = false } = {}): Promise<T> {
    let result: { readonly value: T } | undefined;
    await new Promise<void>((resolve, reject) => {
      if (this.#isClosed) return reject(new StoreUnavailable('the store is closed'));
      if (this.#waiting.length >= this.#maxWaiting)
        return reject(new StoreUnavailable(`${this.#maxWaiting} writes are waiting, the limit`));
      const run = (): void => {
        result = { value: step() };
      };
      this.#waiting.push({ step: run, resolve, reject });
      if (isUrgent) this.#begin();
      else this.#plan();
    });
    if (result === undefined) throw new Error('a step that was not run');
    return result.value;
  }

  /** Transactions that could not be committed. */
  get failures(): number {
    return this.#failures;
  }

  /** Takes no more; resolves when what was asked before is answered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (!this.#isWriting && this.#waiting.length === 0) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** At the end of this turn, or of the time that transactions of such steps are apart. */
  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    const begin = (): void => {
      this.#isPlanned = false;
      this.#begin();
    };
    const left = this.#since + APART_MS - performance.now();
    if (left < 1) setImmediate(begin);
    else setTimeout(begin, left);
  }

  #begin(): void {
    if (!this.#isWriting && this.#waiting.length > 0) void this.#write();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      this.#since = performance.now();
      const taken = this.#waiting;
      this.#waiting = [];
      try {
        const done = await this.#transact(taken);
        const rest = taken.splice(done);
        this.#waiting.unshift(...rest);
        for (const { refusal, resolve, reject } of taken) {
          if (refusal === undefined) resolve();
          else reject(refusal);
        }
        // What is left of many long ones waits for whatever else the worker has to do.
        if (rest.length > 0) await turn();
      } catch (error) {
        this.#failures += 1;
        const reason = unavailable(error);
        for (const { refusal, reject } of taken) reject(refusal ?? reason);
      }
    }
    this.#isWriting = false;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** How many were done, the first ones. */
  async #transact(taken: readonly Waiting[]): Promise<number> {
    let undone = 0;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      try {
        const done = await this.#attempt(taken);
        if (done !== undefined) return done;
      } catch (error) {
        undone += 1;
        if (!isUndone(error) || undone > MAX_UNDONE) throw error;
        for (const waiting of taken) delete waiting.refusal;
      }
    }
    throw new Error(`others open the data again and again: no commit in ${MAX_TRIES} tries`);
  }

  /** How many were done; undefined: it would have undone another's commit, and was not made. */
  async #attempt(taken: readonly Waiting[]): Promise<number | undefined> {
    this.#check();
    const { root, base, lock, flusher } = this.#env;
    let failure: unknown;
    let isStale = false;
    let done = 0;
    const steps = (): typeof ABORT | undefined => {
      try {
        isStale = base.mend();
        if (isStale) return ABORT;
        const until = performance.now() + HOLD_MS;
        for (const waiting of taken) {
          if (done > 0 && performance.now() >= until) break;
          runStep(waiting);
          done += 1;
        }
        this.#isWanted = lock.isWanted();
        return undefined;
      } catch (error) {
        failure = error;
        return ABORT;
      }
    };
    // A disk that keeps a flush waiting may keep the write of a commit waiting too.
    const isAtOnce = !this.#isWanted && !flusher.isStalled && lock.isFree();
    try {
      const outcome = isAtOnce ? root.transactionSync(steps) : await root.childTransaction(steps);
      if (outcome !== ABORT) return done;
      if (isStale) return undefined;
    } catch (error) {
      failure = await commitFailure(error);
      // At once: the next that is waited for on a thread would never return.
      if (lock.isFree() && !canBegin(root)) failure = new CannotBegin(failure);
    }
    if (failure instanceof Error && isPanic(failure)) this.#onPanic?.(failure);
    throw failure;
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

export function unavailable(error: unknown): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error;
  return new StoreUnavailable(error instanceof Error ? error.message : String(error), { cause: error });
}
