/**
 * The rooms that are watched on one worker. Up to a size their members are watched one by one;
 * of a larger one those who are there are counted, at a pace that its size sets. Members come
 * and go without a word sometimes, so they are looked up again and again.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { nameOf, namespaceOf, userId, type RoomId, type UserId } from './identity.ts';
import { NEVER_SEEN, type PresenceRecord } from './presence.ts';
import type { Store } from './store.ts';
import type { Watching } from './watching.ts';

/** The members of a room, as one read found them. */
export interface MemberList {
  readonly users: ReadonlySet<UserId>;
  /** Reads are numbered in the order in which they began: of two lists the later is the truer. */
  readonly read: number;
}

interface WatchedRoom {
  readonly watchers: Set<Watching>;
  members: MemberList;
  /** Undefined: its members are named. */
  count: number | undefined;
  /** The count that is being made. */
  counting: Promise<void> | undefined;
  isCounted: boolean;
  /** By `now`: when its members are looked up again. */
  dueAt: number;
}

/** Who watches the members one by one. */
export interface MemberWatch {
  add(watching: Watching, user: UserId): void;
  remove(watching: Watching, user: UserId): void;
  isHere(record: PresenceRecord): boolean;
  /** Whether this watcher may watch so many more. */
  hasRoomFor(watching: Watching, more: number): boolean;
}

export interface WatchedRoomsOptions {
  /** Members up to which a room's are named. */
  readonly maxNamed: number;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

/** How often members are looked up again; of a large room, so long for each. */
const AGAIN_MS = 5_000;
const MS_PER_MEMBER = 0.5;
/** Members of one page. */
const PAGE = 1_000;

const NOBODY: ReadonlySet<UserId> = new Set();

export class WatchedRooms {
  readonly #store: Pick<Store, 'presence' | 'memberNames'>;
  readonly #watch: MemberWatch;
  readonly #options: WatchedRoomsOptions;
  readonly #rooms = new Map<RoomId, WatchedRoom>();
  /** Reads under way: whoever asks for the same room waits for the same one. */
  readonly #reading = new Map<RoomId, Promise<MemberList>>();
  #reads = 0;

  constructor(
    store: Pick<Store, 'presence' | 'memberNames'>,
    watch: MemberWatch,
    options: WatchedRoomsOptions,
  ) {
    this.#store = store;
    this.#watch = watch;
    this.#options = options;
  }

  get size(): number {
    return this.#rooms.size;
  }

  /**
   * The members of a room as they are now, `member` among them; of a large one that is watched as
   * they were lately.
   */
  async members(room: RoomId, member: UserId): Promise<MemberList> {
    const known = this.#rooms.get(room);
    if (known?.count !== undefined) return known.members;
    let reading = this.#reading.get(room);
    if (reading === undefined) {
      reading = this.#read(room).finally(() => {
        if (this.#reading.get(room) === reading) this.#reading.delete(room);
      });
      this.#reading.set(room, reading);
    }
    const list = await reading;
    // It may have begun before they joined.
    return list.users.has(member) ? list : this.#read(room);
  }

  isNamed({ users }: MemberList): boolean {
    return users.size <= this.#options.maxNamed;
  }

  /** `members`: as `members()` gave them. */
  add(watching: Watching, room: RoomId, members: MemberList): void {
    watching.rooms.add(room);
    let known = this.#rooms.get(room);
    if (known === undefined) {
      const dueAt = this.#options.now() + AGAIN_MS;
      const count = this.isNamed(members) ? undefined : 0;
      known = { watchers: new Set(), members, count, counting: undefined, isCounted: false, dueAt };
      this.#rooms.set(room, known);
    } else if (members.read > known.members.read) this.#setMembers(known, members);
    known.watchers.add(watching);
    if (known.count === undefined) for (const user of known.members.users) this.#watch.add(watching, user);
  }

  /** The users that it watched through the room stay watched; whoever drops all of it takes them back. */
  drop(watching: Watching, room: RoomId): void {
    const known = this.#rooms.get(room);
    watching.rooms.delete(room);
    watching.counted.delete(room);
    // A room that nobody watches is known for a while, should somebody come back to it.
    known?.watchers.delete(watching);
  }

  /** The room's members may have changed. */
  hint(room: RoomId): void {
    const known = this.#rooms.get(room);
    if (known !== undefined && known.count === undefined) known.dueAt = 0;
    this.#reading.delete(room);
  }

  /** Looks up what is due. Rejects when the store does not answer. */
  async look(): Promise<void> {
    const now = this.#options.now();
    for (const [room, known] of this.#rooms) {
      if (known.dueAt > now) continue;
      if (known.watchers.size === 0) {
        this.#rooms.delete(room);
        continue;
      }
      const watchers = [...known.watchers];
      const { size } = known.members.users;
      // A hint meanwhile makes it due anew.
      known.dueAt = now + Math.max(AGAIN_MS, size * MS_PER_MEMBER);
      const members = await this.#read(room).catch((error: unknown) => {
        // What it was due for is not known yet.
        known.dueAt = 0;
        throw error;
      });
      if (this.#rooms.get(room) !== known) continue;
      const newest = members.read > known.members.read ? members : known.members;
      this.#dropStrangers(room, known, newest, watchers);
      if (newest === members) this.#setMembers(known, members);
      known.isCounted = false;
      await this.count(room);
    }
  }

  /** Counts those who are there, where the members are not named and nobody has counted lately. */
  async count(room: RoomId): Promise<void> {
    const known = this.#rooms.get(room);
    if (known?.count === undefined || known.isCounted) return;
    known.counting ??= this.#count(room, known).finally(() => {
      known.counting = undefined;
    });
    await known.counting;
  }

  async #count(room: RoomId, known: WatchedRoom): Promise<void> {
    let count = 0;
    let isSure = true;
    const members = [...known.members.users];
    for (let at = 0; at < members.length; at += PAGE) {
      const records = await this.#store.presence(members.slice(at, at + PAGE));
      for (const record of records) {
        if (record === 'unknown') isSure = false;
        else if (this.#watch.isHere(record ?? NEVER_SEEN)) count += 1;
      }
      await turn();
    }
    known.isCounted = true;
    // Nobody has gone because a part of the store does not answer.
    if (!isSure) count = Math.max(count, known.count ?? 0);
    if (known.count === count) return;
    known.count = count;
    for (const { counted } of known.watchers) counted.add(room);
  }

  /** Undefined: none of them is counted. */
  countsOf(rooms: Iterable<RoomId>): Record<string, number> | undefined {
    const counts: [string, number][] = [];
    for (const room of rooms) {
      const count = this.#rooms.get(room)?.count;
      if (count !== undefined) counts.push([nameOf(room), count]);
    }
    return counts.length === 0 ? undefined : Object.fromEntries(counts);
  }

  /** Who is no member any more watches it no longer. `watchers`: those who watched before the list was read. */
  #dropStrangers(
    room: RoomId,
    known: WatchedRoom,
    { users }: MemberList,
    watchers: readonly Watching[],
  ): void {
    for (const watching of watchers) {
      if (users.has(watching.watcher.userId) || !known.watchers.has(watching)) continue;
      for (const user of namedOf(known)) this.#watch.remove(watching, user);
      this.drop(watching, room);
    }
  }

  #setMembers(known: WatchedRoom, members: MemberList): void {
    const before = namedOf(known);
    const added = [...members.users].filter((user) => !before.has(user)).length;
    const isNamed =
      this.isNamed(members) && [...known.watchers].every((one) => this.#watch.hasRoomFor(one, added));
    const after = isNamed ? members.users : NOBODY;
    for (const watching of known.watchers) {
      for (const user of after) if (!before.has(user)) this.#watch.add(watching, user);
      for (const user of before) if (!after.has(user)) this.#watch.remove(watching, user);
    }
    known.members = members;
    known.count = isNamed ? undefined : (known.count ?? 0);
  }

  async #read(room: RoomId): Promise<MemberList> {
    this.#reads += 1;
    const read = this.#reads;
    const namespace = namespaceOf(room);
    const users = new Set<UserId>();
    let after: string | undefined;
    do {
      const names = await this.#store.memberNames(room, after, PAGE);
      for (const name of names) users.add(userId(namespace, name));
      // A store that answers at once must not keep everybody else waiting.
      if (names.length === PAGE) await turn();
      after = names.length < PAGE ? undefined : names.at(-1);
    } while (after !== undefined);
    return { users, read };
  }
}

function namedOf({ count, members }: WatchedRoom): ReadonlySet<UserId> {
  return count === undefined ? members.users : NOBODY;
}
