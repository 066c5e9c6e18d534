/**
 * What one socket has of the chat: who it is, and its subscriptions.
 *
 * No socket in here: what is sent goes through an `Outlet`. A subscription is made first and
 * started when the client was told where it starts, so nothing can come before that.
 */
import { ChatError } from '../protocol/errors.ts';
import type { GoneReason, Position, RoomState } from '../protocol/words.ts';
import type { Feeds } from './feeds.ts';
import type { RoomId, UserId } from './identity.ts';
import type { Outlet } from './outlet.ts';
import { feedStart, headOf, roomState, type MemberView } from './room-state.ts';
import type { PresenceNews, Watcher } from './watching.ts';
import type { Subscription, SubscriptionOwner } from './subscription.ts';

export interface SessionOptions {
  readonly id: string;
  readonly namespace: string;
  /** As the wire names it. */
  readonly user: string;
  readonly userId: UserId;
  readonly name: string;
  /** Undefined: nothing is remembered for this socket. */
  readonly device: string | undefined;
  /** What the client already has; wins over the cursor, once per room. */
  readonly positions: ReadonlyMap<string, Position>;
  /** False: no feed starts by itself. */
  readonly subscribesAll: boolean;
  readonly maxRooms: number;
  /** Has this socket's rooms compared with the index: it was told of something else. */
  readonly resync: () => void;
  /** Has this socket told what the room's state is now. */
  readonly refresh: (session: Session, room: RoomId) => void;
}

/** A room's state for the client, and what is to be done once it was told. */
export interface Begun {
  readonly state: RoomState;
  readonly start: () => void;
}

export class Session implements SubscriptionOwner, Watcher {
  readonly id: string;
  readonly namespace: string;
  readonly user: string;
  readonly userId: UserId;
  readonly name: string;
  readonly device: string | undefined;
  readonly subscribesAll: boolean;
  readonly outlet: Outlet;
  readonly #feeds: Feeds;
  readonly #maxRooms: number;
  readonly #resync: () => void;
  readonly #refresh: SessionOptions['refresh'];

  /** Rooms that the client was told of, with their feed if there is one. */
  readonly #rooms = new Map<RoomId, Subscription | undefined>();
  // These are empty in most sessions, of which there are thousands: made when needed.
  #positions: Map<string, Position> | undefined;
  /** What `history` gave, per room, for `delivered`. */
  #read: Map<RoomId, Position> | undefined;
  /** What `delivered` has written, per room. */
  #moved: Map<RoomId, Position> | undefined;
  /** Joins and leaves that are not answered, per room the last: never rejects. */
  #changes: Map<RoomId, Promise<unknown>> | undefined;
  /** Rooms that `welcome` had no place for, and where their feeds started. */
  #leftOut: Map<RoomId, Position | undefined> | undefined;
  /** Requests that came before `welcome` wait for this. */
  #welcomed: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #feedCount = 0;
  #isWelcome = false;
  #isClosed = false;

  constructor(feeds: Feeds, outlet: Outlet, options: SessionOptions) {
    this.#feeds = feeds;
    this.outlet = outlet;
    this.id = options.id;
    this.namespace = options.namespace;
    this.user = options.user;
    this.userId = options.userId;
    this.name = options.name;
    this.device = options.device;
    this.subscribesAll = options.subscribesAll;
    if (options.positions.size > 0) this.#positions = new Map(options.positions);
    this.#maxRooms = options.maxRooms;
    this.#resync = options.resync;
    this.#refresh = options.refresh;
  }

  /** What the client was told of. */
  get rooms(): Iterable<RoomId> {
    return this.#rooms.keys();
  }

  knows(room: RoomId): boolean {
    return this.#rooms.has(room);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The client has its `welcome`: from now on changes are announced. */
  get isWelcome(): boolean {
    return this.#isWelcome;
  }

  welcome(): void {
    this.#isWelcome = true;
    this.#welcomed?.resolve();
    this.#welcomed = undefined;
  }

  /** Resolves when the rooms are known that the client has, and its device's cursors are there. Rejects when it is gone. */
  async ready(): Promise<void> {
    if (this.#isWelcome) return;
    this.#welcomed ??= deferred();
    await this.#welcomed.promise;
    if (this.#isClosed) throw new ChatError('unavailable', 'the connection is closed');
  }

  /** These were not in `welcome`: `room:mine` tells of them. */
  leaveOut(rooms: readonly [RoomId, Position | undefined][]): void {
    this.#leftOut = new Map(rooms);
  }

  isLeftOut(room: RoomId): boolean {
    return this.#leftOut?.has(room) === true;
  }

  /** Where the feed of a room started of which the client was not told yet. */
  startOf(room: RoomId): Position | undefined {
    return this.#leftOut?.get(room);
  }

  hasFeed(room: RoomId): boolean {
    return this.#rooms.get(room) !== undefined;
  }

  /** Whether it may have one more feed. */
  get hasRoom(): boolean {
    return this.#feedCount < this.#maxRooms;
  }

  subscription(room: RoomId): Subscription | undefined {
    return this.#rooms.get(room);
  }

  /** The end of the join or leave of this socket that is under way; it starts or ends the feed itself. */
  changing(room: RoomId): Promise<unknown> | undefined {
    return this.#changes?.get(room);
  }

  /** Runs a join (to the beginning of the feed) or a leave, when what was asked before it is over. */
  async change<T>(room: RoomId, change: () => Promise<T>): Promise<T> {
    try {
      return await this.inOrder(room, async () => {
        await this.ready();
        return change();
      });
    } catch (error) {
      // It may be stored all the same; meanwhile nobody else told this socket of it.
      this.#resync();
      throw error;
    }
  }

  /** Runs something of a room when what was asked before it is over; what is asked behind it waits. */
  async inOrder<T>(room: RoomId, task: () => Promise<T>): Promise<T> {
    this.#changes ??= new Map();
    const changes = this.#changes;
    const before = changes.get(room);
    const result = before === undefined ? task() : before.then(task);
    const end = result.catch(() => {});
    changes.set(room, end);
    try {
      return await result;
    } finally {
      if (changes.get(room) === end) changes.delete(room);
      if (changes.size === 0) this.#changes = undefined;
    }
  }

  /** Tells of a room without starting its feed. */
  show(room: RoomId, view: MemberView): RoomState {
    if (!this.#rooms.has(room)) this.#rooms.set(room, undefined);
    return roomState(room, view);
  }

  /**
   * Begins the feed of a room, after `after`, else where this client said it is, else at the
   * device's cursor, else at `otherwise` (the head). With a feed already: its state alone.
   */
  begin(
    room: RoomId,
    view: MemberView,
    wire: string,
    { after, otherwise }: { after?: Position | undefined; otherwise?: Position } = {},
  ): Begun {
    if (this.#isClosed || this.hasFeed(room)) return { state: roomState(room, view), start: () => {} };
    if (this.#feedCount >= this.#maxRooms) {
      throw new ChatError(
        'too_large',
        `a socket has feeds of at most ${this.#maxRooms} rooms (maxRoomsPerUser)`,
      );
    }
    const cursor = this.device === undefined ? (otherwise ?? headOf(view.info)) : view.membership.cursor;
    const { from, isSettled, point } = feedStart(view, after ?? this.#positions?.get(wire) ?? cursor);
    this.#positions?.delete(wire);
    const subscription = this.#feeds.subscribe(room, headOf(view.info), this.outlet, {
      user: this.user,
      point,
      from,
      isSettled,
      owner: this,
    });
    this.#rooms.set(room, subscription);
    // Whoever begins it now tells where.
    this.#leftOut?.delete(room);
    this.#feedCount += 1;
    return { state: roomState(room, view, from), start: () => subscription.start() };
  }

  /** One of its subscriptions tells that it has ended, which it does once. */
  ended({ feed }: Subscription): void {
    this.#rooms.delete(feed.room);
    this.#moved?.delete(feed.room);
    this.#feedCount -= 1;
    // The user may have become a member anew meanwhile.
    if (!this.#isClosed) this.#resync();
  }

  tell(change: PresenceNews): void {
    if (!this.#isClosed) this.outlet.presence(change);
  }

  changed(room: RoomId): void {
    if (!this.#isClosed) this.#refresh(this, room);
  }

  /** The user left: nothing more of this room. */
  leave(room: RoomId): void {
    this.#rooms.get(room)?.end('left');
    this.#rooms.delete(room);
    this.#read?.delete(room);
  }

  /** The room's membership is in doubt: its feed finds out by a page of its own. */
  recheck(room: RoomId): void {
    const subscription = this.#rooms.get(room);
    subscription?.feed.recheck(subscription);
  }

  /** A room without a feed, which would find out by itself, is not the user's any more. */
  drop(room: RoomId, reason: GoneReason): void {
    if (this.#isClosed || !this.#rooms.has(room) || this.hasFeed(room)) return;
    this.#rooms.delete(room);
    this.outlet.gone(room, reason);
  }

  /** `history` gave everything up to here. */
  gave(room: RoomId, position: Position): void {
    this.#read ??= new Map();
    const known = this.#read.get(room);
    if (known === undefined && this.#read.size >= this.#maxRooms) return;
    if (known === undefined || known.epoch !== position.epoch || known.seq < position.seq)
      this.#read.set(room, position);
  }

  /** A position that the client says it has, cut to what it was given; undefined: nothing is to be written. */
  cut(room: RoomId, claimed: Position): Position | undefined {
    const fed = this.#rooms.get(room)?.given;
    const read = this.#read?.get(room);
    const given =
      fed === undefined || (read !== undefined && read.epoch === fed.epoch && read.seq > fed.seq)
        ? read
        : fed;
    if (given === undefined) return undefined;
    const to = claimed.seq > given.seq ? { epoch: claimed.epoch, seq: given.seq } : claimed;
    const moved = this.#moved?.get(room);
    return moved?.epoch === to.epoch && to.seq <= moved.seq ? undefined : to;
  }

  /** The device's cursor is here, or further: the same claim again is nothing to write. */
  moved(room: RoomId, to: Position): void {
    if (!this.#rooms.has(room)) return;
    this.#moved ??= new Map();
    this.#moved.set(room, to);
  }

  close(): void {
    this.#isClosed = true;
    this.#welcomed?.resolve();
    for (const subscription of this.#rooms.values()) subscription?.end();
    this.#rooms.clear();
  }
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
