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
import type {
  Commit,
  CursorMove,
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
  RetentionPolicy,
  RoomBatch,
  RoomCommit,
  RoomHead,
  RoomIndex,
  RoomView,
  Store,
} from '../../chat/store.ts';
import { StoreUnavailable } from '../../chat/store.ts';
import type { Log } from '../../ops/log.ts';
import { connectRedis } from '../../ops/redis-client.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Durability } from '../../protocol/words.ts';
import { readMany } from './bulk.ts';
import { chunks, inWindows } from './chunks.ts';
import { Health } from './health.ts';
import { Keys } from './keys.ts';
import { membershipOf, positionOf, textsOf } from './records.ts';
import { RedisLink, type LinkOptions } from './redis-link.ts';
import { retainAll } from './retention.ts';
import { RoomReads } from './room-reads.ts';
import { RoomSteps, type JoinAnswer } from './room-steps.ts';
import { UserIndex, type Marked } from './user-index.ts';

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

/** Rooms of one script call. */
const VIEWS_AT_ONCE = 50;

export class RedisStore implements Store {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #log: Log | undefined;
  readonly #health: Health;
  readonly #steps: RoomSteps;
  readonly #reads: RoomReads;
  readonly #index: UserIndex;
  #closed: Promise<void> | undefined;

  private constructor(link: RedisLink, keys: Keys, health: Health, log: Log | undefined) {
    this.#link = link;
    this.#keys = keys;
    this.#log = log;
    this.#health = health;
    this.#steps = new RoomSteps(link, keys);
    this.#reads = new RoomReads(this.#steps);
    this.#index = new UserIndex(link, keys);
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
      batches.map(async (batch): Promise<RoomCommit | StoreUnavailable> => {
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
    return { rooms, durable: this.#health.durable(batches.map(({ room }) => this.#keys.room(room, 'meta'))) };
  }

  async join(room: RoomId, user: string, options: JoinOptions): Promise<Joined> {
    const seen = await this.#steps.join(room, user, options, undefined);
    if (seen.word !== 'would') return this.#joined(room, user, seen);
    const id = userId(namespaceOf(room), user);
    const marked = await this.#index.mark(id, room, options.maxRoomsPerUser);
    if (typeof marked === 'string') {
      throw new ChatError(
        'too_large',
        `a user is a member of at most ${options.maxRoomsPerUser} rooms (maxRoomsPerUser)`,
      );
    }
    const answer = await this.#steps.join(room, user, options, marked.deadline);
    if (answer.word === 'joined' || answer.word === 'was') {
      // The membership stands; what fails from here on is made good by whoever reads the index.
      await Promise.all([
        this.#mend(this.#index.settle(id, room, marked.entry, answer.member.point)),
        answer.word === 'joined' && answer.room.kind === 'public'
          ? this.#mend(this.#list([room]))
          : undefined,
      ]);
    }
    return this.#joined(room, user, answer);
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

  page(room: RoomId, request: PageRequest): Promise<Page> {
    return this.#reads.page(room, request);
  }

  history(room: RoomId, request: HistoryRequest): Promise<HistoryPage> {
    return this.#reads.history(room, request);
  }

  async views(
    user: string,
    device: string | undefined,
    rooms: readonly RoomId[],
  ): Promise<(RoomView | undefined)[]> {
    const parts = chunks(rooms, this.#link.isCluster ? 1 : VIEWS_AT_ONCE);
    return (await inWindows(parts, (part) => this.#reads.views(user, device ?? '', part))).flat();
  }

  async heads(rooms: readonly RoomId[]): Promise<(RoomHead | undefined)[]> {
    const heads = await readMany(
      this.#link,
      rooms.map((room) => this.#keys.room(room, 'head')),
    );
    return heads.map((text) => {
      if (text === undefined) return undefined;
      const { epoch, seq } = positionOf(text);
      return { epoch, head: seq };
    });
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

  async useDevice(user: UserId, device: string, maxDevices: number): Promise<void> {
    if (await this.#index.touch(user, device)) return;
    const name = nameOf(user);
    const { rooms, devices } = await this.#index.known(user);
    const known = devices.filter((other) => other !== device);
    // The device is known only when all its cursors are set, so that one that was cut short goes on.
    if (known.length > 0) await inWindows(rooms, (room) => this.#steps.device(room, name, device, 'head'));
    const forgotten = known.slice(0, Math.max(0, known.length + 1 - maxDevices));
    for (const other of forgotten)
      await inWindows(rooms, (room) => this.#steps.device(room, name, other, 'forget'));
    await this.#index.addDevice(user, device, forgotten);
  }

  async moveCursors(moves: readonly CursorMove[]): Promise<void> {
    const byRoom = new Map<RoomId, CursorMove[]>();
    for (const move of moves) {
      const known = byRoom.get(move.room);
      if (known === undefined) byRoom.set(move.room, [move]);
      else known.push(move);
    }
    await inWindows([...byRoom], ([room, list]) => this.#steps.move(room, list));
  }

  markRead(room: RoomId, user: string, seq: number, epoch = ''): Promise<void> {
    return this.#steps.markRead(room, user, seq, epoch);
  }

  async listRooms(
    namespace: string,
    cursor: string | undefined,
    limit: number,
  ): Promise<ListPage<ListedRoom>> {
    const key = this.#keys.listed(namespace);
    const command = ['ZRANGEBYLEX', key, `(${cursor ?? ''}`, '+', 'LIMIT', '0', String(limit + 1)];
    const names = textsOf(await this.#link.send(key, command));
    const listed = names.slice(0, limit);
    const views = await this.views(
      '',
      undefined,
      listed.map((name) => `${namespace}|${name}` as RoomId),
    );
    const items = listed.flatMap((name, i): ListedRoom[] => {
      const info = views[i]?.info;
      if (info === undefined || info.kind !== 'public') return [];
      return [{ room: name, title: info.title, members: info.members, head: info.head }];
    });
    return { items, cursor: names.length > limit ? listed.at(-1) : undefined };
  }

  async listMembers(
    room: RoomId,
    asker: string,
    cursor: string | undefined,
    limit: number,
  ): Promise<ListPage<ListedMember>> {
    const found = await this.#steps.members(room, asker, cursor ?? '', limit + 1);
    if (found === false || found === undefined)
      throw new ChatError('not_found', 'no such room, or you are not a member of it');
    const items = found.slice(0, limit).map(([user, record]): ListedMember => {
      const { name, role } = membershipOf(record);
      return { user, name, role };
    });
    return { items, cursor: found.length > limit ? items.at(-1)?.user : undefined };
  }

  retain(policy: RetentionPolicy, signal: AbortSignal): Promise<void> {
    return retainAll(this.#link, this.#keys, this.#steps, policy, signal, (rooms) => this.#list(rooms));
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

  async #joined(room: RoomId, user: string, answer: JoinAnswer): Promise<Joined> {
    switch (answer.word) {
      case 'was':
      case 'joined': {
        const { info, membership } = await this.#reads.view(room, user, answer);
        if (membership === undefined) throw new Error(`joined ${room} and is no member`);
        return { info, membership, isNew: answer.word === 'joined' };
      }
      case 'exists':
        throw new ChatError('conflict', 'the room exists already');
      case 'none':
        throw new ChatError('not_found', 'no such room');
      case 'late':
      case 'would':
        throw new StoreUnavailable('joining took too long and was not done');
    }
  }

  /** Idempotent: a room that is there already stays. */
  async #list(rooms: readonly RoomId[]): Promise<void> {
    const byKey = new Map<string, string[]>();
    for (const room of rooms) {
      const key = this.#keys.listed(namespaceOf(room));
      byKey.set(key, [...(byKey.get(key) ?? []), '0', nameOf(room)]);
    }
    await Promise.all([...byKey].map(([key, items]) => this.#link.send(key, ['ZADD', key, ...items])));
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
