/**
 * One test's corner of a store: a namespace of its own, and the verbs of the contract suite.
 *
 * The suite opens a store once; what a test does stays in its namespace, so tests do not see
 * each other. `scene.store` is asked for anew each time: a new life may bring a new handle.
 */
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { draft, type Draft } from '../../src/chat/entry.ts';
import { roomId, userId, type RoomId, type UserId } from '../../src/chat/identity.ts';
import { presentEpoch } from '../../src/chat/position.ts';
import type { Store } from '../../src/chat/store.ts';
import type {
  Appended,
  Joined,
  JoinOptions,
  Membership,
  Page,
  PageRequest,
  RetentionPolicy,
  RoomCommit,
  RoomInfo,
} from '../../src/chat/store-types.ts';
import type { Message, Position, RoomKind } from '../../src/protocol/words.ts';

export interface OpenedStore {
  /** Ask for it each time: a new life may bring a new handle. */
  readonly store: Store;
  /** A second handle on the same data, as another process would have it; closed with the rest. */
  second(): Promise<Store>;
  /** Changes the store's life, as a restart or a reboot would. Second handles end with it. */
  newLife(): Promise<void>;
  close(): Promise<void>;
}

export type Stored = Appended & { ok: true };

export const YEAR_MS = 31_536_000_000;

/** The message that an entry's JSON is. */
export function messageOf(entry: { readonly json: string }): Message {
  return JSON.parse(entry.json) as Message;
}

export function textsOf(entries: readonly { readonly json: string }[]): (string | undefined)[] {
  return entries.map((entry) => messageOf(entry).text);
}

export function seqsOf(entries: readonly { readonly seq: number }[]): number[] {
  return entries.map((entry) => entry.seq);
}

/** 1, 2, 3 … `count`. */
export function upTo(count: number, from = 1): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

export class Scene {
  readonly #opened: OpenedStore;
  readonly namespace = `/t-${randomBytes(8).toString('hex')}`;
  #ids = 0;

  constructor(opened: OpenedStore) {
    this.#opened = opened;
  }

  get store(): Store {
    return this.#opened.store;
  }

  second(): Promise<Store> {
    return this.#opened.second();
  }

  newLife(): Promise<void> {
    return this.#opened.newLife();
  }

  room(name = 'room'): RoomId {
    return roomId(this.namespace, name);
  }

  user(name: string): UserId {
    return userId(this.namespace, name);
  }

  /** Joins, and creates the room as a public one unless `options` say otherwise. */
  join(room: RoomId, user: string, options: Partial<JoinOptions> = {}, store = this.store): Promise<Joined> {
    return store.join(room, user, {
      name: user,
      create: { kind: 'public', title: '', role: 'member' },
      maxRoomsPerUser: 1_000,
      ...options,
    });
  }

  /** Creates a room of this kind with `user` as its owner. */
  create(room: RoomId, user: string, kind: RoomKind, title = ''): Promise<Joined> {
    return this.join(room, user, { create: { kind, title, role: 'owner' }, mustCreate: true });
  }

  /** A room with these members, in this order. */
  async roomOf(...users: string[]): Promise<RoomId> {
    const room = this.room(`room-${(this.#ids += 1)}`);
    for (const user of users) await this.join(room, user);
    return room;
  }

  draft(from: string, text: string, id = `id-${(this.#ids += 1)}`): Draft {
    return draft(from, id, 'text', { text });
  }

  reaction(from: string): Draft {
    return draft(from, `id-${(this.#ids += 1)}`, 'reaction', {});
  }

  /** Appends to one room; fails the test if that room's step failed. */
  async append(room: RoomId, drafts: readonly Draft[], store = this.store): Promise<RoomCommit> {
    const commit = await store.append([{ room, drafts }]);
    await commit.durable;
    const [outcome] = commit.rooms;
    if (outcome === undefined || outcome instanceof Error)
      throw new Error('the room failed', { cause: outcome });
    return outcome;
  }

  /** Posts texts; fails the test if one is refused. */
  async post(room: RoomId, from: string, ...texts: string[]): Promise<Stored[]> {
    const drafts = texts.map((text) => this.draft(from, text));
    return (await this.append(room, drafts)).results.map((result) => accepted(result));
  }

  /** Posts `count` texts, one append for all. */
  postMany(room: RoomId, from: string, count: number): Promise<Stored[]> {
    return this.post(room, from, ...upTo(count).map((n) => `text ${n}`));
  }

  page(room: RoomId, after: Position, request: Partial<PageRequest> = {}, store = this.store): Promise<Page> {
    return store.page(room, { after, user: undefined, limit: 1_000, maxBytes: 10_000_000, ...request });
  }

  /** Everything that is retained. */
  log(room: RoomId, store = this.store): Promise<Page> {
    return this.page(room, { epoch: '', seq: 0 }, {}, store);
  }

  async info(room: RoomId, store = this.store): Promise<RoomInfo> {
    const [view] = await store.views('nobody', undefined, [room]);
    if (view === undefined) throw new Error(`no room ${room}`);
    return view.info;
  }

  async epoch(room: RoomId): Promise<string> {
    return presentEpoch((await this.info(room)).chain);
  }

  /** Undefined: not a member. */
  async membership(
    room: RoomId,
    user: string,
    device?: string,
    store = this.store,
  ): Promise<Membership | undefined> {
    const [view] = await store.views(user, device, [room]);
    return view?.membership;
  }

  async unread(room: RoomId, user: string): Promise<number | undefined> {
    return (await this.membership(room, user))?.unread;
  }

  async cursor(room: RoomId, user: string, device: string): Promise<Position | undefined> {
    return (await this.membership(room, user, device))?.cursor;
  }

  useDevice(user: string, device: string, maxDevices = 20): Promise<void> {
    return this.store.useDevice(this.user(user), device, maxDevices);
  }

  moveCursor(room: RoomId, user: string, device: string, to: Position): Promise<void> {
    return this.store.moveCursors([{ room, user, device, to }]);
  }

  retain(policy: Partial<RetentionPolicy>): Promise<void> {
    return this.store.retain({ idsMs: YEAR_MS, ...policy }, new AbortController().signal);
  }
}

export function accepted(result: Appended | undefined): Stored {
  expect(result).toMatchObject({ ok: true });
  return result as Stored;
}

/** How a `ChatError` of this code looks to `rejects.toMatchObject`. */
export function refusal(code: string): { name: string; code: string } {
  return { name: 'ChatError', code };
}
