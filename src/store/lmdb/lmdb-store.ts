/**
 * The store in LMDB: embedded, opened by every worker of one server.
 *
 * Every call that writes is one step of a transaction (write-queue.ts). While another holds
 * LMDB's one writer lock it is waited for on a thread, so a worker that is stopped with it
 * delays the others' commits, not their event loops, and not their reads. A commit is seen by
 * all before it is durable: a crash of a process undoes nothing, a crash of the machine may undo
 * what was not flushed (flusher.ts), and begins new epochs. A write is answered after its flush.
 */
import { randomBytes } from 'node:crypto';
import { setImmediate as turn, setTimeout } from 'node:timers/promises';
import type { RoomId, UserId } from '../../chat/identity.ts';
import { nameOf } from '../../chat/identity.ts';
import { presentEpoch } from '../../chat/position.ts';
import type { Order, OrderPage } from '../../chat/orders.ts';
import type { Leases, PresenceRecord } from '../../chat/presence.ts';
import type { Act, Actor } from '../../chat/rights.ts';
import type {
  Commit,
  CursorMove,
  DeviceUse,
  DirectOptions,
  Governed,
  GovernOptions,
  HistoryPage,
  HistoryRequest,
  Joined,
  JoinOptions,
  Left,
  ListedMember,
  ListedRoom,
  ListPage,
  Page,
  PageRequest,
  PresenceChange,
  ReadMark,
  RetentionPolicy,
  RoomBatch,
  RoomHead,
  RoomIndex,
  RoomInfo,
  RoomView,
  ScannedRoom,
  Store,
  TokenAsk,
  TokenGrant,
} from '../../chat/store.ts';
import { StoreUnavailable } from '../../chat/store.ts';
import type { Log } from '../../ops/log.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Durability, Position } from '../../protocol/words.ts';
import { appendBatch } from './append-step.ts';
import { clearRoom, closeRoom, dirtyRooms } from './delete-step.ts';
import { openEnvironment, type Environment, type EnvironmentOptions } from './environment.ts';
import { blockUser, governRoom, memberIn, openDirect } from './govern-step.ts';
import {
  indexVersionOf,
  isNewestDevice,
  joinRoom,
  leaveRoom,
  markRead,
  moveCursor,
  roomsOf,
  useDevice,
} from './member-steps.ts';
import { giveOrder, readOrders } from './order-step.ts';
import {
  claimRole,
  endLease,
  enterPresence,
  leaseIsDue,
  openLease,
  readLeases,
  readPresence,
  sweepLease,
} from './presence-step.ts';
import { readHistory, readPage, viewOf } from './read-steps.ts';
import type { RoomRecord } from './records.ts';
import { dueRooms, retainStep } from './retention.ts';
import { enterRoom, isCurrent, newRoom } from './room-step.ts';
import { sweepTokens, takeTokens } from './token-step.ts';
import { unavailable, WriteQueue } from './write-queue.ts';

export interface LmdbStoreOptions extends EnvironmentOptions {
  /** Wall-clock time, ms since 1970. */
  readonly now?: (() => number) | undefined;
  readonly log?: Log | undefined;
  /** This process can write no more (MDB_PANIC: a disk refused a meta page); another one can. */
  readonly onPanic?: ((error: Error) => void) | undefined;
}

export class LmdbStore implements Store {
  readonly durability: Durability = 'disk';
  readonly #env: Environment;
  readonly #now: () => number;
  readonly #queue: WriteQueue;
  #probedAt = Number.NEGATIVE_INFINITY;
  /** Failures of the queue after which a probe was stored. */
  #excused = 0;
  /** As they were at the last look. */
  #leases: Leases = { alive: new Set(), ended: new Map() };
  #closed: Promise<void> | undefined;

  private constructor(env: Environment, { now = Date.now, onPanic }: LmdbStoreOptions) {
    this.#env = env;
    this.#now = now;
    const check = (): void => {
      env.checkFiles();
      env.flusher.check();
    };
    this.#queue = new WriteQueue(env, check, { onPanic });
  }

  /** Creates what is not there. Rejects with `StoreUnavailable`. */
  static async open(dir: string, options: LmdbStoreOptions = {}): Promise<LmdbStore> {
    try {
      const env = await openEnvironment(dir, options);
      options.log?.debug({ dir, life: env.life }, 'store opened');
      return new LmdbStore(env, options);
    } catch (error) {
      throw unavailable(error);
    }
  }

  async append(batches: readonly RoomBatch[]): Promise<Commit> {
    // The committer has gathered them already.
    const { value, flushed } = await this.#commit(
      () => batches.map((batch) => appendBatch(this.#env, batch, this.#now())),
      { isUrgent: true, posts: batches.reduce((sum, { drafts }) => sum + drafts.length, 0) },
    );
    return { rooms: value, durable: flushed.then(() => this.durability) };
  }

  join(room: RoomId, user: string, options: JoinOptions): Promise<Joined> {
    return this.#joined(room, user, options.device, () =>
      joinRoom(this.#env, room, user, options, this.#now()),
    );
  }

  leave(room: RoomId, user: string): Promise<Left> {
    return this.#write(() => leaveRoom(this.#env, room, user, systemId(), this.#now()));
  }

  govern(room: RoomId, actor: Actor, act: Act, options: GovernOptions): Promise<Governed> {
    return this.#write(() => governRoom(this.#env, room, actor, act, options, systemId, this.#now()));
  }

  async openDirect(room: RoomId, user: string, other: string, options: DirectOptions): Promise<Joined> {
    return this.#joined(room, user, options.device, () =>
      openDirect(this.#env, room, user, other, options, this.#now()),
    );
  }

  createRoom(room: RoomId, { kind, title }: Pick<RoomInfo, 'kind' | 'title'>): Promise<boolean> {
    return this.#write(() => {
      if (enterRoom(this.#env, room, this.#now()) !== undefined) return false;
      this.#env.rooms.put(room, newRoom(this.#env, room, this.#now(), kind, title));
      return true;
    });
  }

  async deleteRoom(room: RoomId): Promise<void> {
    await this.#write(() => closeRoom(this.#env, room, this.#now()));
    await this.#clear(room);
  }

  /** Clearing a room takes it out of the indexes. */
  async recheckIndex(): Promise<void> {}

  async devices(user: UserId): Promise<readonly DeviceUse[]> {
    const { devices = {} } = this.#read(() => this.#env.users.get(user)) ?? {};
    return Object.entries(devices)
      .map(([device, usedAt]) => ({ device, usedAt }))
      .toSorted((a, b) => b.usedAt - a.usedAt);
  }

  block(user: UserId, other: string, on: boolean, maxBlocks: number): Promise<void> {
    return this.#write(() => blockUser(this.#env, user, other, on, maxBlocks, this.#now()));
  }

  page(room: RoomId, request: PageRequest): Promise<Page> {
    return this.#readRoom(room, (record) => readPage(this.#env, room, record, request));
  }

  history(room: RoomId, request: HistoryRequest): Promise<HistoryPage> {
    return this.#readRoom(room, (record) => readHistory(this.#env, room, record, request));
  }

  async views(
    user: string,
    device: string | undefined,
    rooms: readonly RoomId[],
  ): Promise<(RoomView | undefined)[]> {
    if (rooms.length === 0) return [];
    await this.#enter(rooms);
    return this.#read(() =>
      rooms.map((room) => {
        const record = this.#env.rooms.get(room);
        return record === undefined ? undefined : viewOf(this.#env, room, record, user, device);
      }),
    );
  }

  async heads(rooms: readonly RoomId[]): Promise<(RoomHead | undefined)[]> {
    return this.#read(() => rooms.map((room) => this.#env.rooms.head(room)));
  }

  async index(user: UserId): Promise<RoomIndex> {
    return this.#read(() => ({
      version: indexVersionOf(this.#env, user),
      rooms: roomsOf(this.#env, user),
      revokedBefore: this.#env.users.get(user)?.revokedBefore ?? 0,
    }));
  }

  async indexVersions(users: readonly UserId[]): Promise<number[]> {
    return this.#read(() => users.map((user) => indexVersionOf(this.#env, user)));
  }

  async useDevice(user: UserId, device: string, maxDevices: number): Promise<void> {
    // Most connections are of the device that was used last: nothing to write.
    const entry = this.#read(() => this.#env.users.get(user));
    if (entry !== undefined && isNewestDevice(entry, device)) return;
    return this.#write(() => useDevice(this.#env, user, device, maxDevices, this.#now()));
  }

  moveCursors(moves: readonly CursorMove[]): Promise<void> {
    return this.#write(() => {
      for (const move of moves) moveCursor(this.#env, move, this.#now());
    });
  }

  markRead(room: RoomId, user: string, seq: number, epoch?: string): Promise<ReadMark> {
    return this.#write(() => markRead(this.#env, room, user, seq, epoch, this.#now()));
  }

  async listRooms(
    namespace: string,
    cursor: string | undefined,
    limit: number,
  ): Promise<ListPage<ListedRoom>> {
    return this.#read(() => {
      const items: ListedRoom[] = [];
      const start = `${namespace}|${cursor ?? ''}` as RoomId;
      for (const { key, value } of this.#env.rooms.range({ start, end: `${namespace}}` as RoomId })) {
        if (value.kind !== 'public' || nameOf(key) === cursor) continue;
        if (items.length === limit) return { items, cursor: items.at(-1)?.room };
        items.push({ room: nameOf(key), title: value.title, members: value.members, head: value.head });
      }
      return { items, cursor: undefined };
    });
  }

  async listMembers(
    room: RoomId,
    asker: Actor,
    cursor: string | undefined,
    limit: number,
  ): Promise<ListPage<ListedMember>> {
    return this.#read(() => {
      const record = this.#env.rooms.get(room);
      const isAllowed = asker === 'server' || this.#env.members.get([room, asker.user]) !== undefined;
      if (record === undefined || !isAllowed)
        throw new ChatError('not_found', 'no such room, or you are not a member of it');
      const now = this.#now();
      const items: ListedMember[] = [];
      for (const key of this.#env.members.getKeys({
        start: [room, cursor ?? ''],
        end: [room, '\uffff'],
      })) {
        const [, user] = key;
        if (user === cursor) continue;
        if (items.length === limit) return { items, cursor: items.at(-1)?.user };
        items.push(memberIn(this.#env, room, record, user, now));
      }
      return { items, cursor: undefined };
    });
  }

  async memberNames(room: RoomId, after: string | undefined, limit: number): Promise<string[]> {
    return this.#read(() => {
      const names: string[] = [];
      const start: [RoomId, string] = [room, after ?? ''];
      for (const [, user] of this.#env.members.getKeys({ start, end: [room, '\uffff'], limit: limit + 1 }))
        if (user !== after && names.length < limit) names.push(user);
      return names;
    });
  }

  async openLease(): Promise<string> {
    const lease = randomBytes(8).toString('hex');
    await this.#note(() => openLease(this.#env, lease, this.#now()));
    return lease;
  }

  async renewLease(lease: string, ttlMs: number): Promise<boolean> {
    if (ttlMs === 0) {
      await this.#note(() => endLease(this.#env, lease, this.#now()));
      return false;
    }
    const isDue = this.#read(() => leaseIsDue(this.#env, lease, this.#now()));
    if (isDue === true) await this.#note(() => openLease(this.#env, lease, this.#now()));
    return isDue !== undefined;
  }

  async leases(): Promise<Leases> {
    this.#leases = this.#read(() => readLeases(this.#env, this.#leases, this.#now()));
    return this.#leases;
  }

  async enterPresence(lease: string, changes: readonly PresenceChange[]): Promise<PresenceRecord[]> {
    return this.#note(() => enterPresence(this.#env, lease, changes));
  }

  async presence(users: readonly UserId[]): Promise<(PresenceRecord | undefined)[]> {
    return this.#read(() => users.map((user) => readPresence(this.#env, user)));
  }

  async sweepLeases(forMs: number, signal: AbortSignal): Promise<void> {
    await this.#sweepTokens(signal);
    for (const room of this.#read(() => dirtyRooms(this.#env))) if (!signal.aborted) await this.#clear(room);
    const { ended } = await this.leases();
    for (const [lease, endedAt] of ended) {
      if (endedAt + forMs > this.#now()) continue;
      let isMore = true;
      while (isMore && !signal.aborted)
        isMore = await this.#note(() => sweepLease(this.#env, lease, endedAt));
    }
  }

  async scanRooms(
    visit: (rooms: readonly ScannedRoom[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    let last: RoomId | undefined;
    do {
      const range = last === undefined ? {} : { start: last, exclusiveStart: true };
      const rooms = this.#read(() =>
        [...this.#env.rooms.range({ ...range, limit: SCAN_ROOMS })].map(({ key, value }) => ({
          room: key,
          epoch: presentEpoch(value.chain),
          head: value.head,
        })),
      );
      await visit(rooms);
      last = rooms.length < SCAN_ROOMS ? undefined : rooms.at(-1)?.room;
    } while (last !== undefined && !signal.aborted);
  }

  async claimRole(role: string, lease: string): Promise<boolean> {
    if (this.#read(() => this.#env.roles.get(role)) === lease) return true;
    return this.#note(() => claimRole(this.#env, role, lease));
  }

  registerHook(hook: string): Promise<number> {
    return this.#write(() => {
      const known = this.#env.hooks.get(hook) ?? this.#now();
      void this.#env.hooks.put(hook, known);
      return known;
    });
  }

  async hookPlaces(hook: string, rooms: readonly RoomId[]): Promise<(Position | undefined)[]> {
    return this.#read(() => rooms.map((room) => this.#env.hookPlaces.get([hook, room])));
  }

  moveHook(hook: string, room: RoomId, to: Position): Promise<void> {
    return this.#write(() => {
      if (this.#env.rooms.head(room) !== undefined) void this.#env.hookPlaces.put([hook, room], to);
    });
  }

  giveOrder(what: Order['do'], user: UserId): Promise<void> {
    return this.#write(() => giveOrder(this.#env, what, user, this.#now()));
  }

  async orders(after: string | undefined): Promise<OrderPage> {
    return this.#read(() => readOrders(this.#env, after));
  }

  async takeTokens(asks: readonly TokenAsk[]): Promise<TokenGrant[]> {
    return this.#note(() => asks.map((ask) => takeTokens(this.#env, ask, this.#now())));
  }

  async retain(policy: RetentionPolicy, signal: AbortSignal): Promise<void> {
    let last: RoomId | undefined;
    do {
      if (signal.aborted) return;
      const after = last;
      const found = this.#read(() => dueRooms(this.#env, after, policy, this.#now()));
      let due = found.due;
      while (due.length > 0 && !signal.aborted) {
        const rooms = due;
        due = await this.#write(() => retainStep(this.#env, rooms, policy, this.#now()));
      }
      last = found.last;
      // Others have their turn, however many rooms there are.
      await turn();
    } while (last !== undefined);
  }

  async ping(): Promise<void> {
    // An empty transaction waits for the writer lock as every commit does. Whether the disk
    // takes anything is seen by a small write; not at each ping, so that an idle server is idle.
    // After a failure, by one that does not fit into pages that happen to be free.
    this.#read(() => {
      this.#env.checkFiles();
      this.#env.checkSpace();
    });
    const { failures } = this.#queue;
    const isDoubtful = failures !== this.#excused;
    const isDue = isDoubtful || performance.now() - this.#probedAt >= PROBE_MS;
    const probe = (): void => {
      if (isDue) void this.#env.probe.put('at', isDoubtful ? LARGE_PROBE : String(this.#now()));
    };
    await within(this.#write(probe), PING_MS);
    this.#excused = failures;
    if (isDue) this.#probedAt = performance.now();
  }

  close(): Promise<void> {
    this.#closed ??= this.#queue
      .close()
      // What was committed last asks for its flush in this turn.
      .then(() => turn())
      .then(() => this.#env.flusher.close())
      .then(() => this.#env.root.close());
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** `become` makes the user a member and tells whether they were none. */
  async #joined(
    room: RoomId,
    user: string,
    device: string | undefined,
    become: () => boolean,
  ): Promise<Joined> {
    const { view, isNew } = await this.#write(() => {
      const isNew = become();
      const record = this.#env.rooms.get(room);
      return {
        isNew,
        view: record === undefined ? undefined : viewOf(this.#env, room, record, user, device),
      };
    });
    if (view?.membership === undefined) throw new Error(`joined ${room} and is no member`);
    return { info: view.info, membership: view.membership, isNew };
  }

  async #clear(room: RoomId): Promise<void> {
    let isMore = true;
    while (isMore) ({ value: isMore } = await this.#commit(() => clearRoom(this.#env, room)));
  }

  async #sweepTokens(signal: AbortSignal): Promise<void> {
    let after: string | undefined = '';
    while (after !== undefined && !signal.aborted) {
      const from: string = after;
      after = await this.#note(() => sweepTokens(this.#env, from, this.#now()));
    }
  }

  #guard(): void {
    if (this.#closed !== undefined) throw new StoreUnavailable('the store is closed');
  }

  /** Resolves when it is on the disk. */
  async #write<T>(step: () => T): Promise<T> {
    const { value, flushed } = await this.#commit(step);
    await flushed;
    return value;
  }

  /** Resolves when others see it and it survives this process; `flushed` when it is on the disk. */
  async #commit<T>(
    step: () => T,
    { isUrgent = false, posts = 0 } = {},
  ): Promise<{ value: T; flushed: Promise<void> }> {
    const value = await this.#queue.run(step, { isUrgent });
    return { value, flushed: this.#flush(posts) };
  }

  /** As `#commit`, of what a crash of the machine may undo: no flush is asked for it. */
  #note<T>(step: () => T): Promise<T> {
    return this.#queue.run(step);
  }

  async #flush(posts: number): Promise<void> {
    try {
      await this.#env.flusher.flush(posts);
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** One snapshot: everything that was committed before. */
  #read<T>(look: () => T): T {
    this.#guard();
    try {
      this.#env.root.resetReadTxn();
      return look();
    } catch (error) {
      throw error instanceof ChatError ? error : unavailable(error);
    }
  }

  async #readRoom<T>(room: RoomId, look: (record: RoomRecord) => T): Promise<T> {
    await this.#enter([room]);
    return this.#read(() => {
      const record = this.#env.rooms.get(room);
      if (record === undefined) throw new ChatError('not_found', 'no such room');
      return look(record);
    });
  }

  /** Opens the rooms' epochs where the life has changed; a read of one snapshot follows. */
  async #enter(rooms: readonly RoomId[]): Promise<void> {
    const stale = this.#read(() => rooms.filter((room) => !isCurrent(this.#env, this.#env.rooms.get(room))));
    if (stale.length === 0) return;
    await this.#write(() => {
      for (const room of stale) enterRoom(this.#env, room, this.#now());
    });
  }
}

function systemId(): string {
  return randomBytes(12).toString('hex');
}

/** Rooms that are visited together. */
const SCAN_ROOMS = 500;
const PING_MS = 2_000;
const PROBE_MS = 30_000;
const LARGE_PROBE = 'x'.repeat(262_144);

async function within(task: Promise<void>, ms: number): Promise<void> {
  const abort = new AbortController();
  const late = setTimeout(ms, undefined, { signal: abort.signal }).then(
    () => {
      throw new StoreUnavailable(`no answer for ${ms} ms`);
    },
    () => {},
  );
  try {
    // Whoever loses may still reject, and is handled by the race.
    await Promise.race([task, late]);
  } finally {
    abort.abort();
  }
}
