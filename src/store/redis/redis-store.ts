/**
 * The store in Redis: single, watched by Sentinels, or a Cluster.
 *
 * One script call per room and batch is the atomic step; a user's index of rooms lies in
 * another slot and is kept by marking before and settling after (user-index.ts). Every command
 * is bounded in time (redis-link.ts). Redis answers after it wrote its append-only file, so a
 * commit is as durable as it will be when it is answered, unless replicas are waited for.
 */
import type { RoomId, UserId } from '../../chat/identity.ts';
import { nameOf, namespaceOf, userId } from '../../chat/identity.ts';
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
import { StoreUnavailable } from '../../chat/store-unavailable.ts';
import type { Log } from '../../ops/log.ts';
import { connectRedis } from '../../ops/redis-client.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Durability, Position } from '../../protocol/words.ts';
import { readMany } from './bulk.ts';
import { inWindows } from './chunks.ts';
import { GovernSteps } from './govern-steps.ts';
import { Health } from './health.ts';
import { hookPlaces, moveHook, registerHook } from './hooks.ts';
import { Keys } from './keys.ts';
import { readHeads, scanHeads } from './heads.ts';
import { textsOf } from './records.ts';
import { RedisLink, type LinkOptions } from './redis-link.ts';
import { retainAll } from './retention.ts';
import { moveCursors, useDevice } from './devices.ts';
import { giveOrder, readOrders } from './orders.ts';
import { RedisPresence } from './presence.ts';
import { Rights } from './rights.ts';
import { PublicRooms } from './public-rooms.ts';
import { joinedOf, RoomReads } from './room-reads.ts';
import { RoomSteps, type LivingCommit } from './room-steps.ts';
import { takeTokens } from './tokens.ts';
import { tooManyRooms, UserIndex, type Marked } from './user-index.ts';

export interface RedisStoreOptions extends LinkOptions {
  readonly url: string;
  /** Before every key. Default `chat`. */
  readonly prefix?: string | undefined;
  /** An acknowledgement waits for so many replicas and says `replicated` then. Default 0. */
  readonly waitReplicas?: number | undefined;
  /** How long the first connection may take. Default 5 000. */
  readonly connectMs?: number | undefined;
  readonly log?: Log | undefined;
}

/** Members of one page of their names. */
const NAMES_AT_ONCE = 1_000;

export class RedisStore implements Store {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #log: Log | undefined;
  readonly #health: Health;
  readonly #steps: RoomSteps;
  readonly #reads: RoomReads;
  readonly #index: UserIndex;
  readonly #rights: Rights;
  readonly #presence: RedisPresence;
  readonly #public: PublicRooms;
  #closed: Promise<void> | undefined;

  private constructor(link: RedisLink, keys: Keys, health: Health, log: Log | undefined) {
    this.#link = link;
    this.#keys = keys;
    this.#log = log;
    this.#health = health;
    this.#steps = new RoomSteps(link, keys);
    this.#reads = new RoomReads(this.#steps, link.isCluster);
    this.#index = new UserIndex(link, keys);
    this.#presence = new RedisPresence(link, keys);
    this.#public = new PublicRooms(link, keys);
    this.#rights = new Rights(this.#steps, new GovernSteps(link, keys), this.#index, (task) =>
      this.#mend(task),
    );
  }

  /** Rejects with `RedisUrlError`, `RedisConnectError`, `RedisRefused` or `StoreUnavailable`. */
  static async open(options: RedisStoreOptions): Promise<RedisStore> {
    const { url, prefix = 'chat', waitReplicas = 0, connectMs, log } = options;
    const keys = new Keys(prefix);
    let link: RedisLink | undefined;
    let health: Health | undefined;
    const connection = await connectRedis(url, {
      log,
      name: 'chat-server:store',
      connectMs,
      onReady: () => {
        link?.reopen();
        void health?.refresh();
      },
    });
    link = new RedisLink(connection, options);
    try {
      health = new Health(link, keys, { waitReplicas, log });
      await health.open();
      return new RedisStore(link, keys, health, log);
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  get durability(): Durability {
    return this.#health.durability;
  }

  async append(batches: readonly RoomBatch[]): Promise<Commit> {
    // All are written in this tick, so they travel together and Redis flushes them together.
    const rooms = await Promise.all(
      batches.map(async (batch): Promise<LivingCommit | StoreUnavailable> => {
        try {
          return await this.#steps.append(batch);
        } catch (error) {
          if (error instanceof StoreUnavailable) return error;
          this.#log?.error({ error, room: batch.room }, 'appending to a room failed');
          return new StoreUnavailable('the room cannot be written', { cause: error });
        }
      }),
    );
    const [first] = rooms;
    if (first instanceof StoreUnavailable && rooms.every((room) => room instanceof StoreUnavailable))
      throw first;
    return { rooms, durable: this.#health.durable(rooms) };
  }

  async join(room: RoomId, user: string, options: JoinOptions): Promise<Joined> {
    const seen = await this.#steps.join(room, user, options, undefined);
    if (seen.word !== 'would') return joinedOf(seen);
    const id = userId(namespaceOf(room), user);
    const marked = await this.#index.mark(id, room, options.maxRoomsPerUser);
    if (typeof marked === 'string') throw tooManyRooms(options.maxRoomsPerUser);
    const [answer] = await Promise.all([
      this.#steps.join(room, user, options, marked.deadline),
      // Beside it, not behind it: should this process end here, the room is in the list all the same.
      options.create?.kind === 'private' ? undefined : this.#mend(this.#public.add([room])),
    ]);
    // The membership stands; what fails from here on is made good by whoever reads the index.
    if (answer.word === 'joined' || answer.word === 'was')
      await this.#mend(this.#index.settle(id, room, marked.entry, answer.member.point));
    return joinedOf(answer);
  }

  async leave(room: RoomId, user: string): Promise<Left> {
    const id = userId(namespaceOf(room), user);
    const marked = await this.#index.mark(id, room, undefined);
    const left = await this.#steps.leave(room, user, async (point) => {
      if (isMarked(marked)) await this.#mend(this.#index.settle(id, room, marked.entry, point));
    });
    if (isMarked(marked)) await this.#mend(this.#index.settle(id, room, marked.entry, undefined, left.point));
    return left;
  }

  async govern(room: RoomId, actor: Actor, act: Act, options: GovernOptions): Promise<Governed> {
    const governed = await this.#rights.govern(room, actor, act, options);
    if (act.do === 'set' && governed.batch !== undefined)
      await this.#mend(
        governed.info.kind === 'public' ? this.#public.add([room]) : this.#public.remove(room),
      );
    return governed;
  }

  async openDirect(room: RoomId, user: string, other: string, options: DirectOptions): Promise<Joined> {
    return joinedOf(await this.#rights.openDirect(room, user, other, options));
  }

  async createRoom(room: RoomId, { kind, title }: Pick<RoomInfo, 'kind' | 'title'>): Promise<boolean> {
    const [isNew] = await Promise.all([
      this.#rights.create(room, kind, title),
      kind === 'public' ? this.#mend(this.#public.add([room])) : undefined,
    ]);
    return isNew;
  }

  async deleteRoom(room: RoomId): Promise<void> {
    const members: string[] = [];
    let names: string[];
    do {
      names = await this.memberNames(room, members.at(-1), NAMES_AT_ONCE);
      members.push(...names);
    } while (names.length === NAMES_AT_ONCE);
    await this.#rights.delete(room, members);
    await this.#mend(this.#public.remove(room));
  }

  async recheckIndex(user: UserId, rooms: readonly RoomId[]): Promise<void> {
    await inWindows(rooms, (room) => this.#rights.forget(room, nameOf(user)));
  }

  async devices(user: UserId): Promise<readonly DeviceUse[]> {
    return this.#index.devices(user);
  }

  block(user: UserId, other: string, on: boolean, maxBlocks: number): Promise<void> {
    return this.#rights.block(user, other, on, maxBlocks);
  }

  page(room: RoomId, request: PageRequest): Promise<Page> {
    return this.#reads.page(room, request);
  }

  history(room: RoomId, request: HistoryRequest): Promise<HistoryPage> {
    return this.#reads.history(room, request);
  }

  views(
    user: string,
    device: string | undefined,
    rooms: readonly RoomId[],
  ): Promise<(RoomView | undefined)[]> {
    return this.#reads.views(user, device ?? '', rooms);
  }

  heads(rooms: readonly RoomId[]): Promise<(RoomHead | undefined)[]> {
    return readHeads(this.#link, this.#keys, rooms);
  }

  index(user: UserId): Promise<RoomIndex> {
    return this.#index.read(user, async (rooms) => {
      const views = await this.views(nameOf(user), undefined, rooms);
      return views.map((view) => view?.membership?.point);
    });
  }

  async indexVersions(users: readonly UserId[]): Promise<number[]> {
    const versions = await readMany(
      this.#link,
      users.map((user) => this.#keys.user(user, 'version')),
    );
    return versions.map((version) => Number(version ?? 0));
  }

  async useDevice(user: UserId, device: string, maxDevices: number, mayAdd?: MayAdd): Promise<void> {
    await useDevice(this.#index, this.#steps, user, device, maxDevices, mayAdd);
  }

  async moveCursors(moves: readonly CursorMove[]): Promise<void> {
    await moveCursors(this.#steps, moves);
  }

  markRead(room: RoomId, user: string, seq: number, options: ReadOptions = {}): Promise<ReadMark> {
    return this.#steps.markRead(room, user, seq, options);
  }

  async listRooms(
    namespace: string,
    cursor: string | undefined,
    limit: number,
  ): Promise<ListPage<ListedRoom>> {
    return this.#public.page(namespace, cursor, limit, (rooms) => this.views('', undefined, rooms));
  }

  async listMembers(
    room: RoomId,
    asker: Actor,
    cursor: string | undefined,
    limit: number,
  ): Promise<ListPage<ListedMember>> {
    const found = await this.#steps.members(
      room,
      asker === 'server' ? '' : asker.user,
      cursor ?? '',
      limit + 1,
    );
    if (found === undefined) throw new ChatError('not_found', 'no such room, or you are not a member of it');
    const items = found.slice(0, limit);
    return { items, cursor: found.length > limit ? items.at(-1)?.user : undefined };
  }

  async memberNames(room: RoomId, after: string | undefined, limit: number): Promise<string[]> {
    const key = this.#keys.room(room, 'names');
    return textsOf(
      await this.#link.send(key, ['ZRANGEBYLEX', key, `(${after ?? ''}`, '+', 'LIMIT', '0', String(limit)]),
    );
  }

  openLease(ttlMs: number): Promise<string> {
    return this.#presence.openLease(ttlMs);
  }

  renewLease(lease: string, ttlMs: number): Promise<boolean> {
    return this.#presence.renewLease(lease, ttlMs);
  }

  leases(): Promise<Leases> {
    return this.#presence.leases(Date.now());
  }

  enterPresence(lease: string, changes: readonly PresenceChange[]): Promise<PresenceRecord[]> {
    return this.#presence.enter(lease, changes);
  }

  presence(users: readonly UserId[]): Promise<(PresenceRecord | 'unknown' | undefined)[]> {
    return this.#presence.read(users);
  }

  async sweepLeases(forMs: number, signal: AbortSignal, onGone: (user: UserId) => void): Promise<void> {
    await this.#presence.sweep(forMs, signal, onGone);
  }

  scanRooms(visit: (rooms: readonly ScannedRoom[]) => Promise<void>, signal: AbortSignal): Promise<void> {
    return scanHeads(this.#link, this.#keys, signal, visit);
  }

  claimRole(role: string, lease: string): Promise<boolean> {
    return this.#presence.claimRole(role, lease);
  }

  registerHook(hook: string): Promise<number> {
    return registerHook(this.#link, this.#keys, hook);
  }

  hookPlaces(hook: string, rooms: readonly RoomId[]): Promise<(Position | undefined)[]> {
    return hookPlaces(this.#link, this.#keys, hook, rooms);
  }

  moveHook(hook: string, room: RoomId, move: HookMove): Promise<void> {
    return moveHook(this.#link, this.#keys, hook, room, move);
  }

  giveOrder(what: Order['do'], user: UserId): Promise<void> {
    return giveOrder(this.#link, this.#keys, what, user);
  }

  orders(after: string | undefined): Promise<OrderPage> {
    return readOrders(this.#link, this.#keys, after);
  }

  takeTokens(asks: readonly TokenAsk[]): Promise<TokenGrant[]> {
    return takeTokens(this.#link, this.#keys, asks);
  }

  retain(policy: RetentionPolicy, signal: AbortSignal): Promise<void> {
    return retainAll(this.#link, this.#keys, this.#steps, policy, signal, (rooms) => this.#public.add(rooms));
  }

  async ping(): Promise<void> {
    await this.#health.check();
  }

  close(): Promise<void> {
    this.#closed ??= this.#link.close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Something that heals by itself later: its failure is no failure of the request. */
  async #mend(task: Promise<void>): Promise<void> {
    try {
      await task;
    } catch (error) {
      this.#log?.warn({ error }, 'a step that will be made good later failed');
    }
  }
}

function isMarked(marked: Marked | 'full' | 'none'): marked is Marked {
  return typeof marked !== 'string';
}
