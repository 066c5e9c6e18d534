/**
 * Turns posts into commits: one commit in flight, what arrived meanwhile is the next. Under load
 * the commit makes the next batch by itself; when idle a post leaves at once.
 *
 * Rooms take turns, oldest post first. Of each a commit has no more than waits in all the others,
 * within limits: where everybody floods batches are large, while a room that is flooded alone
 * delays the others by a short commit, not by all that waits in it (fairness).
 *
 * Handing on comes after the commit, the answer after it is durable (G4). A post that is
 * pending for too long is answered `unavailable`: it may be stored all the same, and the same
 * `id` finds out. Posts of one room keep their order. Bounded in count and bytes: `busy`.
 */
import { ChatError } from '../protocol/errors.ts';
import type { Durability } from '../protocol/words.ts';
import type { Draft } from './entry.ts';
import type { RoomId } from './identity.ts';
import type { Store } from './store.ts';
import type { Appended, Batch, Commit } from './store-types.ts';

/** Where a post is in its room's log. */
export type Posted = Appended & { readonly ok: true };

/** Whose post it is: told once, one or the other. No promises here: a flood would be made of them. */
export interface Poster {
  stored(posted: Posted, durability: Durability): void;
  refused(error: ChatError): void;
}

export interface CommitterOptions {
  /** Posts that are not answered yet. */
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  /** Posts of one commit. */
  readonly maxCommit?: number | undefined;
  /** Posts of one room in one commit, while nothing waits in others and while much does. */
  readonly roomCommit?: readonly [least: number, most: number] | undefined;
  /** Pending longer: `unavailable`. Default 3 000. */
  readonly pendingMs?: number | undefined;
  /** Runs the commit of what gathered in this turn of the event loop; sockets are read before. */
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
  readonly poster: Poster;
}

export class Committer {
  readonly #store: Pick<Store, 'append'>;
  readonly #options: CommitterOptions;
  readonly #maxCommit: number;
  readonly #roomCommit: readonly [least: number, most: number];
  readonly #pendingMs: number;

  /** Waiting for a commit, oldest first; the rooms in the order of their turns. */
  readonly #queues = new Map<RoomId, Pending[]>();
  /** In all queues. */
  #waiting = 0;
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
    this.#roomCommit = options.roomCommit ?? [24, 256];
    this.#pendingMs = options.pendingMs ?? 3_000;
  }

  /** Posts that are not answered yet. */
  get pending(): number {
    return this.#unanswered.size;
  }

  /** Stores a draft. Refused: by the store, `busy` (thrown at once) or `unavailable`. */
  post(room: RoomId, draft: Draft, poster: Poster): void {
    const { maxQueued, maxQueuedBytes } = this.#options;
    if (this.#unanswered.size >= maxQueued)
      throw new ChatError('busy', `${maxQueued} posts are waiting, the limit (--max-queued-posts)`);
    if (this.#bytes + draft.tail.length > maxQueuedBytes)
      throw new ChatError(
        'busy',
        `posts of ${maxQueuedBytes} bytes are waiting, the limit (--max-queued-bytes)`,
      );
    const pending: Pending = { room, draft, since: this.#options.now(), poster };
    const queue = this.#queues.get(room);
    if (queue === undefined) this.#queues.set(room, [pending]);
    else queue.push(pending);
    this.#waiting += 1;
    this.#unanswered.add(pending);
    this.#bytes += draft.tail.length;
    this.#schedule();
  }

  /** Answers the posts that are pending for too long; called every fraction of a second. */
  expire(now: number): void {
    let expired = false;
    for (const pending of this.#unanswered) {
      if (now - pending.since < this.#pendingMs) break;
      expired = true;
      this.#refuse(
        pending,
        new ChatError(
          'unavailable',
          `the store has not answered for ${this.#pendingMs} ms; send again with the same id`,
        ),
      );
    }
    // What was given up before it was sent to the store must not be sent after all.
    if (expired) this.#forgetAnswered();
  }

  /** Resolves when nothing is queued or unanswered. */
  idle(): Promise<void> {
    if (this.#unanswered.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #forgetAnswered(): void {
    for (const [room, queue] of this.#queues) {
      const left = queue.filter((pending) => this.#unanswered.has(pending));
      this.#waiting -= queue.length - left.length;
      if (left.length > 0) this.#queues.set(room, left);
      else this.#queues.delete(room);
    }
  }

  #schedule(): void {
    if (this.#isCommitting || this.#isDeferred || this.#queues.size === 0) return;
    this.#isDeferred = true;
    this.#options.defer(() => {
      this.#isDeferred = false;
      this.#run().catch(this.#options.onFault);
    });
  }

  async #run(): Promise<void> {
    this.#isCommitting = true;
    try {
      const taken = this.#take();
      if (taken.size > 0) await this.#commit(taken);
    } finally {
      this.#isCommitting = false;
      this.#schedule();
    }
  }

  /** The next commit; a room that has more is behind the others then. */
  #take(): Map<RoomId, readonly Pending[]> {
    const taken = new Map<RoomId, readonly Pending[]>();
    const [least, most] = this.#roomCommit;
    const waiting = this.#waiting;
    let left = this.#maxCommit;
    for (const [room, queue] of this.#queues) {
      if (left <= 0 || taken.has(room)) break;
      const share = Math.max(least, Math.min(most, waiting - queue.length));
      const limit = Math.min(left, share);
      this.#queues.delete(room);
      const part = queue.length <= limit ? queue : queue.splice(0, limit);
      if (part !== queue) this.#queues.set(room, queue);
      taken.set(room, part);
      left -= part.length;
      this.#waiting -= part.length;
    }
    return taken;
  }

  async #commit(taken: ReadonlyMap<RoomId, readonly Pending[]>): Promise<void> {
    const groups = [...taken];
    let commit: Commit;
    try {
      commit = await this.#store.append(
        groups.map(([room, posts]) => ({ room, drafts: posts.map((post) => post.draft) })),
      );
    } catch (error) {
      for (const [, posts] of groups) for (const pending of posts) this.#refuse(pending, refusal(error));
      if (!isOutage(error)) this.#options.onFault(error);
      return;
    }
    const stored: Pending[] = [];
    const places: Posted[] = [];
    for (const [i, [, posts]] of groups.entries()) {
      const outcome = commit.rooms[i];
      if (outcome === undefined || outcome instanceof Error) {
        for (const pending of posts) this.#refuse(pending, refusal(outcome));
        continue;
      }
      if (outcome.batch !== undefined) this.#options.onBatch(outcome.room, outcome.batch);
      for (const [k, pending] of posts.entries()) {
        const result = outcome.results[k];
        if (result?.ok === true) {
          stored.push(pending);
          places.push(result);
        } else
          this.#refuse(
            pending,
            result === undefined ? refusal(undefined) : new ChatError(result.code, result.message, result),
          );
      }
    }
    // The next commit starts while this one is made durable.
    commit.durable.then(
      (durability) => {
        for (const [i, pending] of stored.entries()) {
          const posted = places[i];
          if (posted !== undefined && this.#forget(pending)) pending.poster.stored(posted, durability);
        }
        this.#tellIdle();
      },
      (error: unknown) => {
        for (const pending of stored) this.#refuse(pending, refusal(error));
      },
    );
  }

  #refuse(pending: Pending, error: ChatError): void {
    if (this.#forget(pending)) pending.poster.refused(error);
    this.#tellIdle();
  }

  /** False: it was answered before. */
  #forget(pending: Pending): boolean {
    if (!this.#unanswered.delete(pending)) return false;
    this.#bytes -= pending.draft.tail.length;
    return true;
  }

  #tellIdle(): void {
    if (this.#unanswered.size > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
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
