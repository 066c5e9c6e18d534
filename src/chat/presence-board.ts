/**
 * Whom the sockets of one worker watch, and what they are told of them.
 *
 * Hints (an entry was written) make it fast; every watched user's record is read again in turn,
 * and the leases all the time, which makes it certain. A change is told to each watcher at most
 * every so often, all that changed meanwhile in one event.
 */
import { ChatError } from '../protocol/errors.ts';
import type { PresenceStatus, UserPresence } from '../protocol/words.ts';
import { nameOf, type RoomId, type UserId } from './identity.ts';
import { NEVER_SEEN, presenceOf, type Leases, type PresenceRecord } from './presence.ts';
import type { Store } from './store.ts';
import { WatchedRooms, type MemberList, type MemberWatch } from './watched-rooms.ts';
import { Watching, type PresenceNews, type Watcher } from './watching.ts';

export interface PresenceBoardOptions {
  readonly graceMs: number;
  /** Members up to which a room's are named. */
  readonly maxNamed: number;
  /** Users that one watcher may watch, its rooms' members among them; and all of a worker. */
  readonly maxPerWatcher: number;
  readonly maxWatched: number;
  /** No answer of the store for so long: nobody's presence is known. */
  readonly unknownAfterMs: number;
  /** How often each record is read again without a hint, at best. */
  readonly againMs: number;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Ms since 1970. */
  readonly wallNow: () => number;
}

interface Watched {
  readonly watchers: Set<Watching>;
  /** Undefined: nothing is known. */
  record: PresenceRecord | undefined;
  /** By `now`: since when their part of the store does not answer; undefined: it does. */
  silentSince: number | undefined;
  status: PresenceStatus;
  lastSeen: number;
}

type PresenceStore = Pick<Store, 'leases' | 'presence' | 'memberNames'>;

/** How often `look` is called. */
export const LOOK_MS = 100;
/** Records that are read in one look. */
const READS_PER_LOOK = 2_000;

export class PresenceBoard implements MemberWatch {
  readonly #store: PresenceStore;
  readonly #options: PresenceBoardOptions;
  readonly #rooms: WatchedRooms;
  readonly #watchings = new Map<Watcher, Watching>();
  readonly #users = new Map<UserId, Watched>();
  readonly #due = new Set<UserId>();
  /** Those that are given time to come back, and by `now` until when. */
  readonly #later = new Map<UserId, number>();
  /** Whose turn it is to be read again. */
  #turn: Iterator<UserId> | undefined;
  #leases: Leases = { alive: new Set(), ended: new Map() };
  /** By `now`: when the store answered last. */
  #answeredAt: number;
  #isLooking = false;

  constructor(store: PresenceStore, options: PresenceBoardOptions) {
    this.#store = store;
    this.#options = options;
    this.#rooms = new WatchedRooms(store, this, options);
    this.#answeredAt = options.now();
  }

  get watched(): number {
    return this.#users.size;
  }

  /** Replaces what the watcher watched, and says what is known of it now. */
  async watch(watcher: Watcher, users: readonly UserId[], rooms: readonly RoomId[]): Promise<PresenceNews> {
    const wanted = new Set(users);
    const members = new Map<RoomId, MemberList>();
    for (const room of new Set(rooms)) {
      const found = await this.#rooms.members(room, watcher.userId);
      members.set(room, found);
      if (this.#rooms.isNamed(found)) for (const user of found.users) wanted.add(user);
    }
    this.#checkNumber(wanted);
    if (watcher.isClosed) throw new ChatError('unavailable', 'the connection is closed');
    // From here on in one turn: what was watched before goes only when the new stands.
    const watching = new Watching(watcher);
    const former = this.#watchings.get(watcher);
    this.#watchings.set(watcher, watching);
    for (const user of new Set(users)) this.add(watching, user);
    for (const [room, found] of members) this.#rooms.add(watching, room, found);
    if (former !== undefined) this.#drop(former);
    try {
      // Those that nothing is known of yet; and nothing was read while nobody watched.
      await this.#read(new Set([...wanted].filter((user) => this.#users.get(user)?.record === undefined)));
      for (const room of members.keys()) await this.#rooms.count(room);
      return this.#snapshot(watching);
    } finally {
      watching.isAnswered = true;
    }
  }

  /** The watcher is gone. */
  unwatch(watcher: Watcher): void {
    const watching = this.#watchings.get(watcher);
    if (watching === undefined) return;
    this.#watchings.delete(watcher);
    this.#drop(watching);
  }

  /** Somebody wrote this user's entry. */
  hint(user: UserId): void {
    if (this.#users.has(user)) this.#due.add(user);
  }

  /** The room's members may have changed. */
  hintRoom(room: RoomId): void {
    this.#rooms.hint(room);
  }

  /** Reads what is due. That the store does not answer is what it then tells; it rejects only with what is ours. */
  async look(): Promise<void> {
    if (this.#users.size + this.#rooms.size === 0) {
      this.#answeredAt = this.#options.now();
      return;
    }
    if (this.#isLooking) return;
    this.#isLooking = true;
    const due = this.#takeDue();
    try {
      await this.#read(due);
      await this.#rooms.look();
      this.#answeredAt = this.#options.now();
    } catch (error) {
      for (const user of due) this.#due.add(user);
      if (!(error instanceof Error) || error.name !== 'StoreUnavailable') throw error;
      if (this.#options.now() - this.#answeredAt >= this.#options.unknownAfterMs) this.#knowNothing();
    } finally {
      this.#isLooking = false;
    }
  }

  /** Tells each watcher what changed since the last time. */
  tell(): void {
    for (const watching of this.#watchings.values()) {
      if (!watching.isAnswered || watching.changed.size + watching.counted.size === 0) continue;
      const users: UserPresence[] = [];
      for (const [user, before] of watching.changed) {
        const known = this.#users.get(user);
        if (known !== undefined && known.status !== before) users.push(shown(user, known));
      }
      const counts = this.#rooms.countsOf(watching.counted);
      watching.changed.clear();
      watching.counted.clear();
      if (users.length > 0 || counts !== undefined)
        watching.watcher.tell(counts === undefined ? { users } : { users, counts });
    }
  }

  /** One more reason to watch this user. */
  add(watching: Watching, user: UserId): void {
    const times = watching.users.get(user) ?? 0;
    watching.users.set(user, times + 1);
    if (times > 0) return;
    // This watcher was told nothing of them yet, whatever is known.
    watching.changed.set(user, 'unknown');
    const known = this.#users.get(user);
    if (known !== undefined) return void known.watchers.add(watching);
    const watchers = new Set([watching]);
    this.#users.set(user, {
      watchers,
      record: undefined,
      silentSince: undefined,
      status: 'unknown',
      lastSeen: 0,
    });
    this.#due.add(user);
  }

  /** One reason less. */
  remove(watching: Watching, user: UserId): void {
    const times = watching.users.get(user) ?? 0;
    if (times > 1) return void watching.users.set(user, times - 1);
    watching.users.delete(user);
    watching.changed.delete(user);
    const known = this.#users.get(user);
    known?.watchers.delete(watching);
    if (known?.watchers.size !== 0) return;
    this.#users.delete(user);
    this.#due.delete(user);
    this.#later.delete(user);
  }

  hasRoomFor(watching: Watching, more: number): boolean {
    const { maxPerWatcher, maxWatched } = this.#options;
    return watching.users.size + more <= maxPerWatcher && this.#users.size + more <= maxWatched;
  }

  isHere(record: PresenceRecord): boolean {
    const { graceMs, wallNow } = this.#options;
    const { status } = presenceOf(record, this.#leases, graceMs, wallNow());
    return status === 'online' || status === 'away';
  }

  #checkNumber(wanted: ReadonlySet<UserId>): void {
    const { maxPerWatcher, maxWatched } = this.#options;
    if (wanted.size > maxPerWatcher)
      throw new ChatError(
        'too_large',
        `a connection watches at most ${maxPerWatcher} users (maxWatchedPerSocket); these are ${wanted.size}`,
      );
    let added = 0;
    for (const user of wanted) if (!this.#users.has(user)) added += 1;
    if (this.#users.size + added > maxWatched)
      throw new ChatError('busy', `this worker watches ${maxWatched} users, its limit (--max-watched)`);
  }

  #drop(watching: Watching): void {
    for (const room of watching.rooms) this.#rooms.drop(watching, room);
    for (const user of watching.users.keys()) {
      watching.users.set(user, 1);
      this.remove(watching, user);
    }
  }

  #takeDue(): Set<UserId> {
    const { now, againMs } = this.#options;
    const due = new Set<UserId>();
    for (const user of this.#due) {
      if (due.size >= READS_PER_LOOK) break;
      this.#due.delete(user);
      due.add(user);
    }
    for (const [user, at] of this.#later) if (at <= now()) due.add(user);
    const share = Math.min(READS_PER_LOOK, Math.ceil((this.#users.size * LOOK_MS) / againMs));
    for (let i = 0; i < share; i += 1) {
      this.#turn ??= this.#users.keys();
      const next = this.#turn.next();
      if (next.done === true) {
        this.#turn = undefined;
        break;
      }
      due.add(next.value);
    }
    return due;
  }

  /** The records before the leases: else one entered under a lease that began in between would count as over. */
  async #read(due: ReadonlySet<UserId>): Promise<void> {
    const users = [...due].filter((user) => this.#users.has(user));
    const records = users.length === 0 ? [] : await this.#store.presence(users);
    const before = this.#leases.alive;
    this.#leases = await this.#store.leases();
    for (const [i, user] of users.entries()) {
      const known = this.#users.get(user);
      if (known === undefined) continue;
      const record = records[i] ?? NEVER_SEEN;
      if (record === 'unknown') this.#silent(user, known);
      else {
        known.record = record;
        known.silentSince = undefined;
        this.#judge(user);
      }
    }
    for (const lease of before) {
      if (this.#leases.alive.has(lease)) continue;
      for (const [user, { record }] of this.#users)
        if (record?.entries.has(lease) === true) this.#judge(user);
    }
  }

  /** A part of the store does not answer: what is known holds as long as it does with all of it away. */
  #silent(user: UserId, known: Watched): void {
    const { now, unknownAfterMs } = this.#options;
    known.silentSince ??= now();
    if (now() - known.silentSince < unknownAfterMs) return;
    known.record = undefined;
    this.#later.delete(user);
    this.#show(user, known, 'unknown');
  }

  /** What the record and the leases say now. */
  #judge(user: UserId): void {
    const known = this.#users.get(user);
    if (known?.record === undefined) return;
    const { graceMs, wallNow, now } = this.#options;
    const { status, lastSeen, forMs } = presenceOf(known.record, this.#leases, graceMs, wallNow());
    if (forMs === undefined) this.#later.delete(user);
    else this.#later.set(user, now() + forMs);
    known.lastSeen = lastSeen;
    this.#show(user, known, status);
  }

  #show(user: UserId, known: Watched, status: PresenceStatus): void {
    if (known.status === status) return;
    for (const { changed } of known.watchers) if (!changed.has(user)) changed.set(user, known.status);
    known.status = status;
  }

  #knowNothing(): void {
    for (const [user, known] of this.#users) this.#show(user, known, 'unknown');
  }

  #snapshot(watching: Watching): PresenceNews {
    watching.changed.clear();
    watching.counted.clear();
    const users = [...watching.users.keys()].flatMap((user) => {
      const known = this.#users.get(user);
      return known === undefined ? [] : [shown(user, known)];
    });
    const counts = this.#rooms.countsOf(watching.rooms);
    return counts === undefined ? { users } : { users, counts };
  }
}

function shown(user: UserId, { status, lastSeen }: Watched): UserPresence {
  return { user: nameOf(user), status, lastSeen };
}
