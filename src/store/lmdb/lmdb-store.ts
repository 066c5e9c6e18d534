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
  RoomHead,
  RoomIndex,
  RoomView,
  Store,
} from '../../chat/store.ts';
import { StoreUnavailable } from '../../chat/store.ts';
import type { Log } from '../../ops/log.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Durability } from '../../protocol/words.ts';
import { appendBatch } from './append-step.ts';
import { openEnvironment, type Environment, type EnvironmentOptions } from './environment.ts';
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
import { readHistory, readPage, viewOf } from './read-steps.ts';
import type { RoomRecord } from './records.ts';
import { dueRooms, retainStep } from './retention.ts';
import { enterRoom, isCurrent } from './room-step.ts';
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

  async join(room: RoomId, user: string, options: JoinOptions): Promise<Joined> {
    const { view, isNew } = await this.#write(() => {
      const isNew = joinRoom(this.#env, room, user, options, this.#now());
      const record = this.#env.rooms.get(room);
      return {
        isNew,
        view: record === undefined ? undefined : viewOf(this.#env, room, record, user, options.device),
      };
    });
    if (view?.membership === undefined) throw new Error(`joined ${room} and is no member`);
    return { info: view.info, membership: view.membership, isNew };
  }

  leave(room: RoomId, user: string): Promise<Left> {
    const systemId = randomBytes(12).toString('hex');
    return this.#write(() => leaveRoom(this.#env, room, user, systemId, this.#now()));
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

  markRead(room: RoomId, user: string, seq: number, epoch?: string): Promise<void> {
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
    asker: string,
    cursor: string | undefined,
    limit: number,
  ): Promise<ListPage<ListedMember>> {
    return this.#read(() => {
      if (this.#env.members.get([room, asker]) === undefined)
        throw new ChatError('not_found', 'no such room, or you are not a member of it');
      const items: ListedMember[] = [];
      for (const { key, value } of this.#env.members.getRange({
        start: [room, cursor ?? ''],
        end: [room, '\uffff'],
      })) {
        const [, user] = key;
        if (user === cursor) continue;
        if (items.length === limit) return { items, cursor: items.at(-1)?.user };
        items.push({ user, name: value.name, role: value.role });
      }
      return { items, cursor: undefined };
    });
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
    { isUrgent = false, posts = 1 } = {},
  ): Promise<{ value: T; flushed: Promise<void> }> {
    const value = await this.#queue.run(step, { isUrgent });
    return { value, flushed: this.#flush(posts) };
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
