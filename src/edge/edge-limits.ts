/** Which limits a request or a connection is under, and what it is told over one. */
import type { RoomId, UserId } from '../chat/identity.ts';
import type { Rate } from '../chat/rate.ts';
import type { Limit, SharedLimits } from '../chat/shared-limits.ts';
import { ChatError } from '../protocol/errors.ts';

/** Undefined: no limit. */
export interface Rates {
  readonly posts: Rate | undefined;
  readonly roomPosts: Rate | undefined;
  readonly joins: Rate | undefined;
  readonly connects: Rate | undefined;
  readonly addressConnects: Rate | undefined;
  readonly requests: Rate | undefined;
  readonly bytes: Rate | undefined;
}

type Kind = keyof Rates;
type Shared = Pick<SharedLimits, 'take' | 'takeNow' | 'giveBack'>;

/** With fewer rooms a new device costs nothing to speak of. */
const MANY_ROOMS = 100;

const TOLD: Readonly<Record<Kind, string>> = {
  posts: 'too many posts of yours (--rate-posts)',
  roomPosts: 'too many posts in this room (--rate-room-posts)',
  joins: 'too many rooms joined or opened, or members set (--rate-joins)',
  connects: 'too many connections of yours (--rate-connects)',
  addressConnects: 'too many connections from this address (--rate-address-connects)',
  requests: 'too many requests (--rate-requests)',
  bytes: 'too many bytes (--rate-bytes)',
};

export class EdgeLimits {
  readonly #shared: Shared;
  readonly #limits: Readonly<Record<Kind, Limit | undefined>>;

  constructor(shared: Shared, rates: Rates) {
    this.#shared = shared;
    const limit = (name: Kind): Limit | undefined => {
      const rate = rates[name];
      return rate === undefined ? undefined : { name, rate };
    };
    this.#limits = {
      posts: limit('posts'),
      roomPosts: limit('roomPosts'),
      joins: limit('joins'),
      connects: limit('connects'),
      addressConnects: limit('addressConnects'),
      requests: limit('requests'),
      bytes: limit('bytes'),
    };
  }

  /**
   * Throws, or rejects where the store has to be asked, with `rate_limited`. `room`: whose own limit
   * it is under as well; undefined for who is no member, who could use it up for the others.
   */
  post(user: UserId, room: RoomId | undefined): Promise<void> | undefined {
    const asked = this.#take('posts', user, 1);
    if (room === undefined) return asked;
    if (asked !== undefined) return asked.then(() => this.#take('roomPosts', room, 1));
    return this.#take('roomPosts', room, 1);
  }

  /** Whether rooms have a limit of their own. */
  get areRoomsLimited(): boolean {
    return this.#limits.roomPosts !== undefined;
  }

  /** A post of a member came to nothing: the room's own limit has it again, as the user's has not. */
  giveBackPost(room: RoomId): void {
    this.#shared.giveBack(this.#limits.roomPosts, room);
  }

  join(user: UserId): Promise<void> | undefined {
    return this.#take('joins', user, 1);
  }

  /** A device that is seen for the first time: a step in each of the user's rooms, where they are many. */
  device(user: UserId, rooms: number): Promise<void> | undefined {
    const { joins } = this.#limits;
    if (joins === undefined || rooms < MANY_ROOMS) return undefined;
    return this.#take('joins', user, Math.min(rooms, joins.rate.count));
  }

  /** Whoever it is: before anything is checked of what the connection says. */
  address(address: string): Promise<void> | undefined {
    return this.#take('addressConnects', address, 1);
  }

  connect(user: UserId): Promise<void> | undefined {
    return this.#take('connects', user, 1);
  }

  /** Any request. Nobody waits here, or the order of a socket's requests would be another. */
  request(user: UserId): void {
    this.#takeNow('requests', user, 1);
  }

  /** What it came with; its shape was checked before. */
  bytes(user: UserId, bytes: () => number): void {
    if (this.#limits.bytes !== undefined) this.#takeNow('bytes', user, bytes());
  }

  #take(kind: Kind, id: string, count: number): Promise<void> | undefined {
    const wait = this.#shared.take(this.#limits[kind], id, count);
    if (typeof wait !== 'number') return wait.then((ms) => check(kind, ms));
    check(kind, wait);
    return undefined;
  }

  #takeNow(kind: Kind, id: string, count: number): void {
    check(kind, this.#shared.takeNow(this.#limits[kind], id, count));
  }
}

function check(kind: Kind, waitMs: number): void {
  if (waitMs > 0) throw new ChatError('rate_limited', TOLD[kind], { retryAfterMs: waitMs });
}
