/**
 * Turns posts into commits: one commit in flight, everything that arrived meanwhile is the
 * next. Under load the commit makes the next batch by itself; when idle a post leaves at once.
 *
 * Handing on comes after the commit, the answer after it is durable (G4). A post that is
 * pending for too long is answered `unavailable`: it may be stored all the same, and the same
 * `id` finds out. Posts of one room keep their order. Bounded in count and bytes: `busy`.
 */
import { ChatError } from '../protocol/errors.ts';
import type { Durability } from '../protocol/words.ts';
import type { Draft } from './entry.ts';
import type { RoomId } from './identity.ts';
import type { Appended, Batch, Commit, Store } from './store.ts';

export interface Posted {
  readonly epoch: string;
  readonly seq: number;
  readonly at: number;
  readonly duplicate: boolean;
  readonly durability: Durability;
}

export interface CommitterOptions {
  /** Posts that are not answered yet. */
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  /** Posts of one commit. */
  readonly maxCommit?: number | undefined;
  /** Pending longer: `unavailable`. Default 3 000. */
  readonly pendingMs?: number | undefined;
  /** Runs the commit of what gathered in this turn of the event loop. */
  readonly defer: (task: () => void) => void;
  readonly now: () => number;
  /** New entries, in the order of the commits, before their posts are answered. */
  readonly onBatch: (room: RoomId, batch: Batch) => void;
  readonly onFault: (error: unknown) => void;
}

interface Pending {
  readonly room: RoomId;
  readonly draft: Draft;
  readonly since: number;
  readonly resolve: (posted: Posted) => void;
  readonly reject: (error: unknown) => void;
}

export class Committer {
  readonly #store: Pick<Store, 'append'>;
  readonly #options: CommitterOptions;
  readonly #maxCommit: number;
  readonly #pendingMs: number;

  /** Waiting for the next commit, oldest first. */
  #queue: Pending[] = [];
  /** Everything that is not answered, oldest first; a Set keeps the order of arrival. */
  readonly #unanswered = new Set<Pending>();
  #bytes = 0;
  #isCommitting = false;
  #isDeferred = false;
  #onIdle: (() => void)[] = [];

  constructor(store: Pick<Store, 'append'>, options: CommitterOptions) {
    this.#store = store;
    this.#options = options;
    this.#maxCommit = options.maxCommit ?? 5_000;
    this.#pendingMs = options.pendingMs ?? 3_000;
  }

  /** Posts that are not answered yet. */
  get pending(): number {
    return this.#unanswered.size;
  }

  /** Stores a draft. Rejects with `ChatError`: the store's refusal, `busy` or `unavailable`. */
  post(room: RoomId, draft: Draft): Promise<Posted> {
    const { maxQueued, maxQueuedBytes } = this.#options;
    if (this.#unanswered.size >= maxQueued) {
      return Promise.reject(
        new ChatError('busy', `${maxQueued} posts are waiting, the limit (--max-queued-posts)`),
      );
    }
    if (this.#bytes + draft.tail.length > maxQueuedBytes) {
      return Promise.reject(
        new ChatError('busy', `posts of ${maxQueuedBytes} bytes are waiting, the limit (--max-queued-bytes)`),
      );
    }
    return new Promise((resolve, reject) => {
      const pending: Pending = { room, draft, since: this.#options.now(), resolve, reject };
      this.#queue.push(pending);
      this.#unanswered.add(pending);
      this.#bytes += draft.tail.length;
      this.#schedule();
    });
  }

  /** Answers the posts that are pending for too long; called every fraction of a second. */
  expire(now: number): void {
    let expired = false;
    for (const pending of this.#unanswered) {
      if (now - pending.since < this.#pendingMs) break;
      expired = true;
      this.#settle(
        pending,
        new ChatError(
          'unavailable',
          `the store has not answered for ${this.#pendingMs} ms; send again with the same id`,
        ),
      );
    }
    // What was given up before it was sent to the store must not be sent after all.
    if (expired) this.#queue = this.#queue.filter((pending) => this.#unanswered.has(pending));
  }

  /** Resolves when nothing is queued or unanswered. */
  idle(): Promise<void> {
    if (this.#unanswered.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #schedule(): void {
    if (this.#isCommitting || this.#isDeferred || this.#queue.length === 0) return;
    this.#isDeferred = true;
    this.#options.defer(() => {
      this.#isDeferred = false;
      if (!this.#isCommitting) this.#run().catch(this.#options.onFault);
    });
  }

  async #run(): Promise<void> {
    this.#isCommitting = true;
    try {
      while (this.#queue.length > 0) {
        const taken = this.#queue.splice(0, this.#maxCommit);
        await this.#commit(taken);
      }
    } finally {
      this.#isCommitting = false;
    }
  }

  async #commit(taken: readonly Pending[]): Promise<void> {
    const byRoom = new Map<RoomId, Pending[]>();
    for (const pending of taken) {
      const known = byRoom.get(pending.room);
      if (known === undefined) byRoom.set(pending.room, [pending]);
      else known.push(pending);
    }
    const groups = [...byRoom];
    let commit: Commit;
    try {
      commit = await this.#store.append(
        groups.map(([room, posts]) => ({ room, drafts: posts.map((post) => post.draft) })),
      );
    } catch (error) {
      for (const pending of taken) this.#settle(pending, refusal(error));
      if (!isOutage(error)) this.#options.onFault(error);
      return;
    }
    const stored: [Pending, Appended & { ok: true }][] = [];
    for (const [i, [, posts]] of groups.entries()) {
      const outcome = commit.rooms[i];
      if (outcome === undefined || outcome instanceof Error) {
        for (const pending of posts) this.#settle(pending, refusal(outcome));
        continue;
      }
      if (outcome.batch !== undefined) this.#options.onBatch(outcome.room, outcome.batch);
      for (const [k, pending] of posts.entries()) {
        const result = outcome.results[k];
        if (result?.ok === true) stored.push([pending, result]);
        else
          this.#settle(
            pending,
            result === undefined ? refusal(undefined) : new ChatError(result.code, result.message, result),
          );
      }
    }
    // The next commit starts while this one is made durable.
    commit.durable.then(
      (durability) => {
        for (const [pending, { epoch, seq, at, duplicate }] of stored) {
          this.#settle(pending, { epoch, seq, at, duplicate, durability });
        }
      },
      (error: unknown) => {
        for (const [pending] of stored) this.#settle(pending, refusal(error));
      },
    );
  }

  #settle(pending: Pending, outcome: Posted | ChatError): void {
    if (!this.#unanswered.delete(pending)) return;
    this.#bytes -= pending.draft.tail.length;
    if (outcome instanceof ChatError) pending.reject(outcome);
    else pending.resolve(outcome);
    if (this.#unanswered.size === 0) {
      for (const resolve of this.#onIdle.splice(0)) resolve();
    }
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof Error && error.name === 'StoreUnavailable';
}

function refusal(error: unknown): ChatError {
  const reason = error instanceof Error ? error.message : 'no answer';
  return new ChatError(
    'unavailable',
    `the store cannot be reached (${reason}); send again with the same id`,
    { cause: error },
  );
}
