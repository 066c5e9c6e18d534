/** The answer to a join starts the feed, also where the index says first that the user joined. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { draft } from '../../src/chat/entry.ts';
import { Feeds } from '../../src/chat/feeds.ts';
import { roomId, userId, type UserId } from '../../src/chat/identity.ts';
import { Session } from '../../src/chat/session.ts';
import { Sessions } from '../../src/chat/sessions.ts';
import type { Caller, ChatContext } from '../../src/edge/chat-context.ts';
import { Asked, type Answer } from '../../src/edge/request.ts';
import { handleJoin } from '../../src/edge/requests/room-join.ts';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.ts';
import type { RoomState } from '../../src/protocol/words.ts';
import { LmdbStore } from '../../src/store/lmdb/lmdb-store.ts';
import { until } from '../support/client.ts';
import { feedContext } from '../support/feed-context.ts';
import { QUIET_PARTS } from '../support/quiet-parts.ts';
import { RecordingOutlet } from '../support/recording-outlet.ts';

const ROOM = roomId('/', 'room');

let dir: string;
let store: LmdbStore;
let sessions: Sessions;
let context: ChatContext;
let told: RoomState[];
/** What a flush of the data waits for. */
let flushing: Promise<void>;
let flushed: () => void;
const faults: unknown[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'join-'));
  flushing = Promise.resolve();
  flushed = () => {};
  told = [];
  store = await LmdbStore.open(dir, { boot: 'one', sync: () => flushing });
  sessions = new Sessions(store, {
    onRoom: (_session, state) => told.push(state),
    onFault: (error) => faults.push(error),
  });
  context = {
    ...QUIET_PARTS,
    store,
    sessions,
    tellOfIndex: (user: UserId) => sessions.hint(user),
    settings: { limits: DEFAULT_LIMITS, rooms: 'open' },
  } as unknown as ChatContext;
});
afterEach(async () => {
  flushed();
  await store.close();
  rmSync(dir, { recursive: true, force: true });
  expect(faults.splice(0)).toEqual([]);
});

/** A socket of the user that waits for its welcome. */
function arrived(user: string): { session: Session; outlet: RecordingOutlet } {
  const feeds = new Feeds(
    feedContext({ store, onFault: (error) => faults.push(error) }),
    { subscribe: () => {}, unsubscribe: () => {} },
    { maxFeeds: 10 },
  );
  const outlet = new RecordingOutlet();
  const session = new Session(feeds, outlet, {
    id: `${user}-socket`,
    namespace: '/',
    user,
    userId: userId('/', user),
    name: user,
    device: undefined,
    positions: new Map(),
    subscribesAll: true,
    maxRooms: 10,
    resync: () => sessions.hint(userId('/', user)),
    refresh: sessions.refresh,
  });
  sessions.add(session);
  return { session, outlet };
}

/** … that has it, and no room. */
async function welcomed(user: string): Promise<{ session: Session; outlet: RecordingOutlet }> {
  const made = arrived(user);
  sessions.welcomed(made.session, (await store.index(made.session.userId)).version);
  return made;
}

const elsewhere = (user: string) =>
  store.join(ROOM, user, {
    name: user,
    create: { kind: 'public', title: '', role: 'member' },
    maxRoomsPerUser: 10,
  });

async function joinOf(
  inContext: ChatContext,
  session: Session,
  request: Parameters<typeof handleJoin>[2],
): Promise<Answer> {
  const asked = new Asked('room:join', undefined, { answered: () => {} }, inContext.log);
  const answer = await handleJoin(inContext, { session } as Caller, request, asked);
  if (answer === undefined) throw new Error('a join is answered by its promise');
  return answer;
}

test('G1: a join that is stored and not yet answered starts no feed but its own, after what it asked for', async () => {
  const { session: ada } = await welcomed('ada');
  await joinOf(context, ada, { room: 'room' });
  for (const id of ['1', '2', '3'])
    await store.append([{ room: ROOM, drafts: [draft('ada', id, 'text', { text: id })] }]);

  const { session, outlet } = await welcomed('bob');
  flushing = new Promise((resolve) => {
    flushed = resolve;
  });
  const { version } = await store.index(session.userId);
  const joining = joinOf(context, session, { room: 'room', after: { epoch: '', seq: 0 } });
  await expect.poll(async () => (await store.index(session.userId)).version).not.toBe(version);
  await sessions.checkVersions();
  await pause(50);
  expect(told).toEqual([]);

  flushed();
  const { reply, after } = await joining;
  expect(reply).toMatchObject({ from: { seq: 0 } });
  after?.();
  await until(
    () => outlet.seqs.length === 3,
    2_000,
    () => 'no feed',
  );
  expect(outlet.seqs).toEqual([1, 2, 3]);
});

test('a join that is stored and fails is told as the index has it', async () => {
  const { session } = await welcomed('ada');
  const failing: ChatContext = {
    ...context,
    store: new Proxy(store, {
      get: (target, name) => {
        if (name !== 'join') return Reflect.get(target, name, target) as unknown;
        return async (...args: Parameters<LmdbStore['join']>) => {
          await target.join(...args);
          await sessions.checkVersions();
          throw new Error('planned');
        };
      },
    }),
  };
  await expect(joinOf(failing, session, { room: 'room' })).rejects.toThrow('planned');
  await until(
    () => told.length === 1,
    2_000,
    () => `told ${told.length} times`,
  );
  expect(told[0]).toMatchObject({ room: 'room', from: { seq: 0 } });
});

test('a feed that ends while the user is a member, or is one again, begins anew', async () => {
  const { session } = await welcomed('ada');
  const { after } = await joinOf(context, session, { room: 'room' });
  after?.();
  session.subscription(ROOM)?.end('left');
  expect(session.knows(ROOM)).toBe(false);
  await until(
    () => session.hasFeed(ROOM),
    2_000,
    () => 'no feed',
  );
  expect(told.map(({ room }) => room)).toEqual(['room']);
  session.close();
  expect(session.knows(ROOM)).toBe(false);
});

test('who may join but not create makes no room by joining', async () => {
  const { session } = await welcomed('ada');
  const asked: string[] = [];
  const may = new Set(['join']);
  const hooks = {
    authorize({ action }: { readonly action: string }) {
      asked.push(action);
      return may.has(action);
    },
  };
  const join = (): Promise<Answer> => joinOf({ ...context, hooks }, session, { room: 'room' });
  await expect(join()).rejects.toMatchObject({ body: { code: 'forbidden' } });
  expect(asked).toEqual(['join', 'create']);
  expect(await store.heads([ROOM])).toEqual([undefined]);
  may.add('create');
  await join();
  may.delete('create');
  asked.length = 0;
  // It is there now.
  await join();
  expect(asked).toEqual(['join']);
});

test('a room that the user joined elsewhere while a post to it waits here begins all the same', async () => {
  const { session } = await welcomed('ada');
  let go = (): void => {};
  const posting = session.inOrder(ROOM, () => new Promise<void>((resolve) => (go = resolve)));
  await elsewhere('ada');
  await sessions.checkVersions();
  await pause(50);
  expect(session.hasFeed(ROOM)).toBe(false);
  go();
  await posting;
  await until(
    () => session.hasFeed(ROOM),
    2_000,
    () => 'no feed',
  );
  expect(told.map(({ room }) => room)).toEqual(['room']);
});

test('who is welcomed while the user’s other socket is brought up to date misses no room', async () => {
  let go = (): void => {};
  const held = new Promise<void>((resolve) => (go = resolve));
  const slow = new Proxy(store, {
    get(target, name) {
      if (name !== 'views') {
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value as () => void).bind(target) : value;
      }
      return async (...args: Parameters<LmdbStore['views']>) => {
        const views = await target.views(...args);
        await held;
        return views;
      };
    },
  });
  sessions = new Sessions(slow, {
    onRoom: (_session, state) => told.push(state),
    onFault: (error) => faults.push(error),
  });
  const { session: late } = arrived('ada');
  const { session: first } = await welcomed('ada');
  const { version } = await store.index(late.userId);
  await elsewhere('ada');
  sessions.hint(late.userId);
  await pause(50);
  sessions.welcomed(late, version);
  go();
  await until(
    () => late.hasFeed(ROOM) && first.hasFeed(ROOM),
    2_000,
    () => `${late.hasFeed(ROOM)}, ${first.hasFeed(ROOM)}`,
  );
});

test('a join whose socket is gone by then is told to the others', async () => {
  const { session } = await welcomed('ada');
  const joined: string[] = [];
  flushing = new Promise((resolve) => {
    flushed = resolve;
  });
  const joining = joinOf({ ...context, tellOfJoin: (_, user) => void joined.push(user) }, session, {
    room: 'room',
  });
  await pause(20);
  session.close();
  flushed();
  await expect(joining).rejects.toMatchObject({ code: 'unavailable' });
  expect(joined).toEqual(['ada']);
});

test('what `delivered` has written is not written again, until it is further or the room begins anew', async () => {
  const { session } = await welcomed('ada');
  const { reply, after } = await joinOf(context, session, { room: 'room' });
  after?.();
  const { epoch } = reply as RoomState;
  const at = (seq: number) => ({ epoch, seq });
  session.gave(ROOM, at(9));
  expect(session.cut(ROOM, at(5))).toEqual(at(5));
  session.moved(ROOM, at(5));
  for (const seq of [3, 5]) expect(session.cut(ROOM, at(seq))).toBeUndefined();
  expect(session.cut(ROOM, at(12))).toEqual(at(9));
  expect(session.cut(ROOM, { epoch: 'another', seq: 4 })).toEqual({ epoch: 'another', seq: 4 });
  session.leave(ROOM);
  await joinOf(context, session, { room: 'room' });
  session.gave(ROOM, at(9));
  expect(session.cut(ROOM, at(5))).toEqual(at(5));
});
