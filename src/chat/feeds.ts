/**
 * The feeds of one worker: one for each room that has subscriptions here.
 *
 * Opening a feed also tells the adapter that this worker wants the room's batches; closing the
 * last subscription takes that back. `checkHeads` is the certain way to learn of a gap: it asks
 * the store, so it works when nobody else is left who knows (G5).
 */
import { ChatError } from '../protocol/errors.ts';
import type { Position } from '../protocol/words.ts';
import type { Adapter } from './adapter.ts';
import { decodeBatch } from './batch.ts';
import { Feed } from './feed.ts';
import type { FeedContext } from './feed-context.ts';
import type { RoomId } from './identity.ts';
import type { Outlet } from './outlet.ts';
import type { Batch, RoomHead } from './store-types.ts';
import { Subscription, type SubscriptionOptions } from './subscription.ts';

export interface FeedsOptions {
  /** Rooms with members on this worker. */
  readonly maxFeeds: number;
  /** Rooms whose heads are read in one call. */
  readonly headsPerRead?: number | undefined;
}

export class Feeds {
  readonly #context: FeedContext;
  readonly #adapter: Pick<Adapter, 'subscribe' | 'unsubscribe'>;
  readonly #maxFeeds: number;
  readonly #headsPerRead: number;
  readonly #feeds = new Map<RoomId, Feed>();

  constructor(
    context: FeedContext,
    adapter: Pick<Adapter, 'subscribe' | 'unsubscribe'>,
    options: FeedsOptions,
  ) {
    this.#context = context;
    this.#adapter = adapter;
    this.#maxFeeds = options.maxFeeds;
    this.#headsPerRead = options.headsPerRead ?? 500;
  }

  get size(): number {
    return this.#feeds.size;
  }

  /** A subscription that has not started. `head`: where the store says the room's log ends now. */
  subscribe(room: RoomId, head: Position, outlet: Outlet, options: SubscriptionOptions): Subscription {
    return new Subscription(this.#open(room, head), outlet, options);
  }

  /** A batch that was committed here. */
  offer(room: RoomId, batch: Batch): void {
    this.#feeds.get(room)?.offer(batch);
  }

  /** A batch as another worker published it; what is none is dropped, the log has it. */
  offerText(room: RoomId, body: string): void {
    const feed = this.#feeds.get(room);
    if (feed === undefined) return;
    const batch = decodeBatch(body);
    if (batch !== undefined) feed.offer(batch);
  }

  /** Something beside the log, to all sockets here that are not skipped. */
  pass(room: RoomId, event: string, object: object, skips: (subscription: Subscription) => boolean): void {
    this.#feeds.get(room)?.pass(event, object, skips);
  }

  /** Looks whether the room is still there. */
  recheck(room: RoomId): void {
    void this.#feeds.get(room)?.repair();
  }

  hear(room: RoomId, head: RoomHead): void {
    this.#feeds.get(room)?.hear(head);
  }

  /** Asks the store where every room ends, a few hundred at a time. Rejects when it does not answer. */
  async checkHeads(): Promise<void> {
    const feeds = [...this.#feeds.values()];
    for (let at = 0; at < feeds.length; at += this.#headsPerRead) {
      const part = feeds.slice(at, at + this.#headsPerRead);
      const asked = part.map((feed) => feed.position);
      const heads = await this.#context.store.heads(part.map((feed) => feed.room));
      for (const [i, feed] of part.entries()) feed.check(heads[i], asked[i] ?? feed.position);
    }
  }

  /** The adapter may have missed anything: every room is read again. */
  async repairAll(): Promise<void> {
    await Promise.all([...this.#feeds.values()].map((feed) => feed.repair()));
  }

  #open(room: RoomId, head: Position): Feed {
    const known = this.#feeds.get(room);
    if (known !== undefined) return known;
    if (this.#feeds.size >= this.#maxFeeds)
      throw new ChatError('busy', `this worker serves ${this.#maxFeeds} rooms, its limit (--max-feeds)`);
    const feed = new Feed(room, head, this.#context, this.#close);
    this.#feeds.set(room, feed);
    this.#adapter.subscribe(room);
    return feed;
  }

  readonly #close = (feed: Feed): void => {
    if (this.#feeds.get(feed.room) !== feed) return;
    this.#feeds.delete(feed.room);
    feed.close();
    this.#adapter.unsubscribe(feed.room);
  };
}
