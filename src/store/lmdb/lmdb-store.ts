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
import type { RoomId, UserId } from '../../chat/identity.ts';
import type { Order, OrderPage } from '../../chat/orders.ts';
import type { Leases, PresenceRecord } from '../../chat/presence.ts';
import type { Act, Actor } from '../../chat/rights.ts';
import type { Store } from '../../chat/store.ts';
import type {
  Commit,
  CursorMove,
  DeviceUse,
  DirectOptions,
  Governed,
  GovernOptions,
  HistoryPage,
  HistoryRequest,
  HookMove,
  Joined,
  JoinOptions,
  Left,
  ListedMember,
  ListedRoom,
  ListPage,
  MayAdd,
  Page,
  PageRequest,
  PresenceChange,
  ReadMark,
  ReadOptions,
  RetentionPolicy,
  RoomBatch,
  RoomHead,
  RoomIndex,
  RoomInfo,
  RoomView,
  ScannedRoom,
  TokenAsk,
  TokenGrant,
} from '../../chat/store-types.ts';
import type { Log } from '../../ops/log.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Durability, Position } from '../../protocol/words.ts';
import { appendBatch } from './append-step.ts';
import { clearRoom, closeRoom, dirtyRooms } from './delete-step.ts';
import { noteDevice } from './device-use.ts';
import { openEnvironment, type Environment, type EnvironmentOptions } from './environment.ts';
import { blockUser, governRoom, openDirect } from './govern-step.ts';
import { indexVersionOf, joinRoom, leaveRoom, markRead, moveCursor, roomsOf } from './member-steps.ts';
import { moveHook } from './hook-step.ts';
import { listMembers, listRooms, memberNames, scannedRooms } from './list-steps.ts';
import { LmdbData } from './lmdb-data.ts';
import { endOverSanctions } from './sanctions.ts';
import { SanctionLimit } from '../sanction-limit.ts';
import { LmdbPresence } from './lmdb-presence.ts';
import { giveOrder, readOrders } from './order-step.ts';
import { Probe } from './probe.ts';
import { readHistory, readPage, viewOf } from './read-steps.ts';
import type { RoomRecord } from './records.ts';
import { retainAll } from './retain-all.ts';
import { enterRoom, isCurrent, newRoom } from './room-step.ts';
import { sweepTokens, takeTokens } from './token-step.ts';
import { unavailable } from './write-queue.ts';

export interface LmdbStoreOptions extends EnvironmentOptions {
  /** Wall-clock time, ms since 1970. */
  readonly now?: (() => number) | undefined;
  readonly log?: Log | undefined;
  /** This process can write no more (MDB_PANIC: a disk refused a meta page); another one can. */
  readonly onPanic?: ((error: Error) => void) | undefined;
}

export class LmdbStore implements Store {
  readonly durability: Durability = 'disk';
  readonly #data: LmdbData;
  readonly #env: Environment;
  readonly #now: () => number;
  readonly #presence: LmdbPresence;
  readonly #probe: Probe;
  readonly #sanctionLimit = new SanctionLimit();

  private constructor(env: Environment, { now = Date.now, onPanic }: LmdbStoreOptions) {
    this.#env = env;
    this.#now = now;
    this.#data = new LmdbData(env, now, { onPanic });
    this.#presence = new LmdbPresence(this.#data);
    this.#probe = new Probe(this.#data);
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
    const { value, flushed } = await this.#data.commit(
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
    return this.#data.write(() => leaveRoom(this.#env, room, user, systemId(), this.#now()));
  }

  govern(room: RoomId, actor: Actor, act: Act, options: GovernOptions): Promise<Governed> {
    return this.#sanctionLimit.run(
      room,
      () => this.#data.write(() => governRoom(this.#env, room, actor, act, options, systemId, this.#now())),
      () => endOverSanctions(this.#data, room),
    );
  }

  async openDirect(room: RoomId, user: string, other: string, options: DirectOptions): Promise<Joined> {
    return this.#joined(room, user, options.device, () =>
      openDirect(this.#env, room, user, other, options, this.#now()),
    );
  }

  createRoom(room: RoomId, { kind, title }: Pick<RoomInfo, 'kind' | 'title'>): Promise<boolean> {
    return this.#data.write(() => {
      if (enterRoom(this.#env, room, this.#now()) !== undefined) return false;
      this.#env.rooms.put(room, newRoom(this.#env, room, this.#now(), kind, title));
      return true;
    });
  }

  async deleteRoom(room: RoomId): Promise<void> {
    await this.#data.write(() => closeRoom(this.#env, room, this.#now()));
    await this.#clear(room);
  }

  /** Clearing a room takes it out of the indexes. */
  async recheckIndex(): Promise<void> {}

  async devices(user: UserId): Promise<readonly DeviceUse[]> {
    const { devices = {} } = this.#data.read(() => this.#env.users.get(user)) ?? {};
    return Object.entries(devices)
      .map(([device, usedAt]) => ({ device, usedAt }))
      .toSorted((a, b) => b.usedAt - a.usedAt);
  }

  block(user: UserId, other: string, on: boolean, maxBlocks: number): Promise<void> {
    return this.#data.write(() => blockUser(this.#env, user, other, on, maxBlocks, this.#now()));
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
    return this.#data.read(() =>
      rooms.map((room) => {
        const record = this.#env.rooms.get(room);
        return record === undefined ? undefined : viewOf(this.#env, room, record, user, device);
      }),
    );
  }

  async heads(rooms: readonly RoomId[]): Promise<(RoomHead | undefined)[]> {
    return this.#data.read(() => rooms.map((room) => this.#env.rooms.head(room)));
  }

  async index(user: UserId): Promise<RoomIndex> {
    return this.#data.read(() => ({
      version: indexVersionOf(this.#env, user),
      rooms: roomsOf(this.#env, user),
      revokedBefore: this.#env.users.get(user)?.revokedBefore ?? 0,
    }));
  }

  async indexVersions(users: readonly UserId[]): Promise<number[]> {
    return this.#data.read(() => users.map((user) => indexVersionOf(this.#env, user)));
  }

  useDevice(user: UserId, device: string, maxDevices: number, mayAdd?: MayAdd): Promise<void> {
    return noteDevice(this.#data, user, device, maxDevices, mayAdd);
  }

  moveCursors(moves: readonly CursorMove[]): Promise<void> {
    return this.#data.write(() => {
      for (const move of moves) moveCursor(this.#env, move, this.#now());
    });
  }

  markRead(room: RoomId, user: string, seq: number, options: ReadOptions = {}): Promise<ReadMark> {
    return this.#data.write(() => markRead(this.#env, room, user, seq, options, this.#now()));
  }

  async listRooms(
    namespace: string,
    cursor: string | undefined,
    limit: number,
  ): Promise<ListPage<ListedRoom>> {
    return this.#data.read(() => listRooms(this.#env, namespace, cursor, limit));
  }

  async listMembers(
    room: RoomId,
    asker: Actor,
    cursor: string | undefined,
    limit: number,
  ): Promise<ListPage<ListedMember>> {
    return this.#data.read(() => listMembers(this.#env, room, asker, { cursor, limit, now: this.#now() }));
  }

  async memberNames(room: RoomId, after: string | undefined, limit: number): Promise<string[]> {
    return this.#data.read(() => memberNames(this.#env, room, after, limit));
  }

  openLease(): Promise<string> {
    return this.#presence.openLease();
  }

  renewLease(lease: string, ttlMs: number): Promise<boolean> {
    return this.#presence.renewLease(lease, ttlMs);
  }

  async leases(): Promise<Leases> {
    return this.#presence.leases();
  }

  enterPresence(lease: string, changes: readonly PresenceChange[]): Promise<PresenceRecord[]> {
    return this.#presence.enter(lease, changes);
  }

  async presence(users: readonly UserId[]): Promise<(PresenceRecord | undefined)[]> {
    return this.#presence.read(users);
  }

  async sweepLeases(forMs: number, signal: AbortSignal, onGone: (user: UserId) => void): Promise<void> {
    await this.#sweepTokens(signal);
    for (const room of this.#data.read(() => dirtyRooms(this.#env)))
      if (!signal.aborted) await this.#clear(room);
    await this.#presence.sweep(forMs, signal, onGone);
  }

  async scanRooms(
    visit: (rooms: readonly ScannedRoom[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    let last: RoomId | undefined;
    do {
      const after = last;
      const rooms = this.#data.read(() => scannedRooms(this.#env, after, SCAN_ROOMS));
      await visit(rooms);
      last = rooms.length < SCAN_ROOMS ? undefined : rooms.at(-1)?.room;
    } while (last !== undefined && !signal.aborted);
  }

  claimRole(role: string, lease: string): Promise<boolean> {
    return this.#presence.claimRole(role, lease);
  }

  registerHook(hook: string): Promise<number> {
    return this.#data.write(() => {
      const known = this.#env.hooks.get(hook) ?? this.#now();
      void this.#env.hooks.put(hook, known);
      return known;
    });
  }

  async hookPlaces(hook: string, rooms: readonly RoomId[]): Promise<(Position | undefined)[]> {
    return this.#data.read(() => rooms.map((room) => this.#env.hookPlaces.get([hook, room])));
  }

  moveHook(hook: string, room: RoomId, move: HookMove): Promise<void> {
    return this.#data.write(() => moveHook(this.#env, hook, room, move));
  }

  giveOrder(what: Order['do'], user: UserId): Promise<void> {
    return this.#data.write(() => giveOrder(this.#env, what, user, this.#now()));
  }

  async orders(after: string | undefined): Promise<OrderPage> {
    return this.#data.read(() => readOrders(this.#env, after));
  }

  async takeTokens(asks: readonly TokenAsk[]): Promise<TokenGrant[]> {
    return this.#data.note(() => asks.map((ask) => takeTokens(this.#env, ask, this.#now())));
  }

  retain(policy: RetentionPolicy, signal: AbortSignal): Promise<void> {
    return retainAll(this.#data, policy, signal);
  }

  ping(): Promise<void> {
    return this.#probe.ping();
  }

  close(): Promise<void> {
    return this.#data.close();
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
    const { view, isNew } = await this.#data.write(() => {
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
    // What a crash takes back of it is gone on with: the grave says that it is not done.
    while (isMore) isMore = await this.#data.note(() => clearRoom(this.#env, room));
  }

  async #sweepTokens(signal: AbortSignal): Promise<void> {
    let after: string | undefined = '';
    while (after !== undefined && !signal.aborted) {
      const from: string = after;
      after = await this.#data.note(() => sweepTokens(this.#env, from, this.#now()));
    }
  }

  async #readRoom<T>(room: RoomId, look: (record: RoomRecord) => T): Promise<T> {
    await this.#enter([room]);
    return this.#data.read(() => {
      const record = this.#env.rooms.get(room);
      if (record === undefined)
        throw new ChatError('not_found', 'no such room, or you are not a member of it');
      return look(record);
    });
  }

  /** Opens the rooms' epochs where the life has changed; a read of one snapshot follows. */
  async #enter(rooms: readonly RoomId[]): Promise<void> {
    const stale = this.#data.read(() =>
      rooms.filter((room) => !isCurrent(this.#env, this.#env.rooms.get(room))),
    );
    if (stale.length === 0) return;
    await this.#data.write(() => {
      for (const room of stale) enterRoom(this.#env, room, this.#now());
    });
  }
}

function systemId(): string {
  return randomBytes(12).toString('hex');
}

/** Rooms that are visited together. */
const SCAN_ROOMS = 500;
