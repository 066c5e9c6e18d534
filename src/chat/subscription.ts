/**
 * One socket's way along one room's log.
 *
 *     start ──▶ catching-up ──(has what the feed has, in one tick)──▶ live
 *                  ▲   │                                               │
 *                  │   └──(not a member any more, room gone)──▶ ended ◀┤ (entry that ends it, leave, close)
 *                  └──(buffer over its limit, feed jumped, recheck)────┘
 *
 * Catching up reads page by page, each sent when the one before has left the process, and of all
 * rooms of a socket a few at a time, so a slow client slows only itself; each page is read in one step with this user's membership.
 * That is all there is to slow consumers, resume, offline queue and join without a seam.
 */
import type { GoneReason, Lost, Position } from '../protocol/words.ts';
import { nameOf, type RoomId } from './identity.ts';
import { entriesAfter } from './batch.ts';
import type { Feed } from './feed.ts';
import type { Outlet } from './outlet.ts';
import { settle, type Loss } from './position.ts';
import { StoreUnavailable } from './store-unavailable.ts';
import type { Page } from './store-types.ts';
import { ChatError } from '../protocol/errors.ts';

/** What a look at the log gave: a page, or why there is none any more. */
type Found = Page | 'gone' | 'deleted';

const RETRY_MS = 100;
const RETRY_MAX_MS = 2_000;

export interface SubscriptionOptions {
  readonly user: string;
  /** The membership's point, in the present epoch as far as it is known. */
  readonly point: Position;
  /** The feed starts after it. */
  readonly from: Position;
  /** `from` is in the feed's epoch and nothing was lost on the way there. */
  readonly isSettled: boolean;
  readonly owner?: SubscriptionOwner | undefined;
}

/** Told when it has ended, whoever ended it, and when the room's state is another one. */
export interface SubscriptionOwner {
  ended(subscription: Subscription): void;
  changed(room: RoomId): void;
}

export class Subscription {
  readonly feed: Feed;
  readonly outlet: Outlet;
  readonly user: string;
  readonly #owner: SubscriptionOwner | undefined;

  #state: 'new' | 'catching-up' | 'live' | 'ended' = 'new';
  #point: Position;
  /** While not live: everything up to here was sent. */
  #position: Position;
  #isSettled: boolean;

  constructor(feed: Feed, outlet: Outlet, { user, point, from, isSettled, owner }: SubscriptionOptions) {
    this.feed = feed;
    this.outlet = outlet;
    this.user = user;
    this.#point = point;
    this.#position = from;
    this.#isSettled = isSettled;
    this.#owner = owner;
    feed.add(this);
  }

  get point(): Position {
    return this.#point;
  }

  /** The furthest position this socket was given in this room. */
  get given(): Position {
    return this.#state === 'live' ? this.feed.position : this.#position;
  }

  get isLive(): boolean {
    return this.#state === 'live';
  }

  /** Called when the socket has been told `from`. */
  start(): void {
    if (this.#state === 'new') this.#catchUp();
  }

  /** The feed took this socket out of the live ones; everything up to `position` was sent. */
  demote(position: Position): void {
    if (this.#state !== 'live') return;
    this.#position = position;
    this.#isSettled = false;
    this.#catchUp();
  }

  /** Title, kind or the user's role is another one. */
  changed(): void {
    this.#owner?.changed(this.feed.room);
  }

  /** Nothing more is handed on. With a reason the client is told. */
  end(reason?: GoneReason): void {
    if (this.#state === 'ended') return;
    this.#position = this.given;
    this.#state = 'ended';
    this.feed.remove(this);
    if (reason !== undefined) this.outlet.gone(this.feed.room, reason);
    this.#owner?.ended(this);
  }

  #catchUp(): void {
    this.#state = 'catching-up';
    if (this.#isSettled && this.feed.isGood && this.#goLive()) return;
    this.#run().catch((error: unknown) => {
      this.feed.onFault(error);
      this.end();
    });
  }

  #goLive(): boolean {
    if (!this.feed.admit(this, this.#position)) return false;
    this.#state = 'live';
    return true;
  }

  /** Whether still catching up; a method, since any await may have changed it. */
  #isCatchingUp(): boolean {
    return this.#state === 'catching-up';
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (this.#isCatchingUp()) {
      await this.feed.good();
      const found = await this.outlet.pages.run(() => this.#step());
      // A page that may not be handed on yet waits here: `history` of this socket needs the same places.
      if (typeof found !== 'boolean') await this.feed.good();
      const isProgress = typeof found === 'boolean' ? found : await this.#use(found);
      failures = isProgress ? 0 : failures + 1;
      // The first empty page is how a caught-up socket gets to the feed; more mean waiting.
      if (failures > 1 && this.#isCatchingUp())
        await this.feed.wait(Math.min(RETRY_MS * 2 ** Math.min(failures, 6), RETRY_MAX_MS));
    }
  }

  /** One page, or the end of catching up; true: it brought anything. Else what may not be handed on yet. */
  async #step(): Promise<boolean | Found> {
    if (!this.#isCatchingUp()) return false;
    await this.outlet.drained();
    if (!this.#isCatchingUp() || !this.feed.isGood) return false;
    if (this.#isSettled) {
      if (this.feed.isBehind(this.#position)) await this.feed.repair();
      if (!this.#isCatchingUp() || (this.feed.isGood && this.#goLive())) return false;
    }
    const found = await this.#read();
    if (found === undefined) return false;
    return this.feed.isGood ? this.#use(found) : found;
  }

  /** True: it brought anything. */
  async #use(page: Found): Promise<boolean> {
    if (!this.#isCatchingUp()) return false;
    if (page === 'deleted') this.end('deleted');
    else if (page === 'gone') {
      // The log says why, unless the feed is past that entry.
      await this.feed.repair();
      if (this.#isCatchingUp()) this.end('left');
    } else return this.#take(page);
    return false;
  }

  async #read(): Promise<Found | undefined> {
    try {
      const { maxBatch: limit, maxPageBytes: maxBytes } = this.feed.limits;
      const page = await this.feed.read({ after: this.#position, user: this.user, limit, maxBytes });
      return page.membership === undefined ? 'gone' : page;
    } catch (error) {
      if (error instanceof StoreUnavailable) return undefined;
      if (error instanceof ChatError && error.code === 'not_found') return 'deleted';
      throw error;
    }
  }

  /** Sends a page; true if it brought anything. */
  #take(page: Page): boolean {
    const room = nameOf(this.feed.room);
    for (const loss of page.losses) this.outlet.lost(lostOf(room, loss));
    let { start, entries } = page;
    if (page.membership !== undefined) {
      // A membership that began anew meanwhile starts later, and so ends later.
      this.#point = settle(page.info, page.membership.point).position;
      if (page.info.kind !== 'public' && this.#point.seq > start.seq) {
        start = this.#point;
        entries = entriesAfter(entries, start.seq);
      }
    }
    this.#position = start;
    this.#isSettled = true;
    const last = entries.at(-1);
    if (last !== undefined) {
      const event = this.feed.encode(start.epoch, entries);
      this.outlet.admit(event.bytes);
      this.outlet.messages(event);
      this.#position = { epoch: start.epoch, seq: last.seq };
    }
    this.feed.learn(page);
    return page.losses.length > 0 || last !== undefined;
  }
}

export function lostOf(room: string, loss: Loss): Lost {
  return { room, ...loss };
}
