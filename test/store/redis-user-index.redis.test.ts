/** A user's index of rooms, when a change of a membership is cut short at any point. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JoinOptions } from '../../src/chat/store-types.ts';
import { connectRedis } from '../../src/ops/redis-client.ts';
import { Keys } from '../../src/store/redis/keys.ts';
import { RedisLink } from '../../src/store/redis/redis-link.ts';
import { RedisStore } from '../../src/store/redis/redis-store.ts';
import { RoomSteps } from '../../src/store/redis/room-steps.ts';
import { type Marked, UserIndex } from '../../src/store/redis/user-index.ts';
import { Scene } from '../contract/store-scene.ts';
import { startRedis, type RedisServer } from '../support/redis.ts';
import { openOnRedis } from './redis-opened.ts';

const keys = new Keys('chat');
const options: JoinOptions = {
  name: 'Ada',
  create: { kind: 'public', title: '', role: 'member' },
  maxRoomsPerUser: 10,
};
const never = async (): Promise<void> => expect.unreachable();

let redis: RedisServer;
let store: RedisStore;
let link: RedisLink;
let steps: RoomSteps;
let userIndex: UserIndex;
let scene: () => Promise<Scene>;

beforeAll(async () => {
  redis = await startRedis({ appendfsync: 'none' });
  store = await RedisStore.open({ url: redis.url });
  link = new RedisLink(await connectRedis(redis.url));
  steps = new RoomSteps(link, keys);
  userIndex = new UserIndex(link, keys);
  scene = async () =>
    new Scene(await openOnRedis(async () => store, { restart: async () => {}, end: async () => {} }));
});
afterAll(async () => {
  await link.close();
  await store.close();
  await redis[Symbol.asyncDispose]();
});

async function mark(here: Scene, user = 'ada', room = here.room()): Promise<Marked> {
  const marked = await userIndex.mark(here.user(user), room, 10);
  if (typeof marked === 'string') throw new Error(`marking answered ${marked}`);
  return marked;
}

/** Makes a pending entry as old as it must be before it is not believed any more. */
async function age(here: Scene, entry: string): Promise<void> {
  const nonce = entry.split(' ')[2] ?? '';
  await redis.ask('HSET', keys.user(here.user('ada'), 'index'), `r:${here.room()}`, `p 1 ${nonce}`);
}

/** Whether a worker that read the index would read it again at its next look at the versions. */
async function isReadAgain(here: Scene): Promise<boolean> {
  const { version } = await store.index(here.user('ada'));
  return version !== (await store.indexVersions([here.user('ada')]))[0];
}

test('a join that was cut short before the room stays pending, and is read again and again', async () => {
  const here = await scene();
  await mark(here);
  expect((await store.index(here.user('ada'))).rooms).toEqual([here.room()]);
  expect(await isReadAgain(here)).toBe(true);
});

test('a join that was cut short before the room is forgotten when it can no longer happen', async () => {
  const here = await scene();
  const { entry } = await mark(here);
  await age(here, entry);
  expect((await store.index(here.user('ada'))).rooms).toEqual([]);
  expect(await isReadAgain(here)).toBe(false);
  // It does not count against the most rooms either.
  await here.join(here.room('other'), 'ada', { maxRoomsPerUser: 1 });
});

test('a join that was cut short after the room is confirmed by the next reader', async () => {
  const here = await scene();
  const { deadline } = await mark(here);
  expect(await steps.join(here.room(), 'ada', options, deadline)).toMatchObject({ word: 'joined' });
  const [before] = await store.indexVersions([here.user('ada')]);
  expect((await store.index(here.user('ada'))).rooms).toEqual([here.room()]);
  expect(await isReadAgain(here)).toBe(false);
  const [after] = await store.indexVersions([here.user('ada')]);
  expect(after).toBeGreaterThan(before ?? 0);
});

test('a join that comes after its time makes no member', async () => {
  const here = await scene();
  expect(await steps.join(here.room(), 'ada', options, Date.now() - 1)).toEqual({ word: 'late' });
  expect(await store.views('ada', undefined, [here.room()])).toEqual([undefined]);
});

test('a leave that was cut short after the room is made good', async () => {
  const here = await scene();
  await here.join(here.room(), 'ada');
  const { entry } = await mark(here);
  await steps.leave(here.room(), 'ada', never);
  expect(await isReadAgain(here)).toBe(true);
  await age(here, entry);
  expect((await store.index(here.user('ada'))).rooms).toEqual([]);
});

test('who marked before another does not settle what the other is about', async () => {
  const here = await scene();
  const joining = await mark(here);
  const point = { epoch: 'e', seq: 0 };
  const other = await mark(here);
  await userIndex.settle(here.user('ada'), here.room(), joining.entry, point);
  expect(await isReadAgain(here)).toBe(true);
  await userIndex.settle(here.user('ada'), here.room(), other.entry, undefined);
  expect((await store.index(here.user('ada'))).rooms).toEqual([]);
});

test('a membership is taken out of the index with the point that ended, and with no other', async () => {
  const here = await scene();
  const { membership } = await here.join(here.room(), 'ada');
  const { point } = membership;
  await userIndex.settle(here.user('ada'), here.room(), 'p 1 x', undefined, { ...point, seq: point.seq + 1 });
  expect((await store.index(here.user('ada'))).rooms).toEqual([here.room()]);
  await userIndex.settle(here.user('ada'), here.room(), 'p 1 x', undefined, point);
  expect((await store.index(here.user('ada'))).rooms).toEqual([]);
});

test('a public room that is not in the list is put there by the next pass of retention', async () => {
  const here = await scene();
  const room = await here.roomOf('ada');
  await redis.ask('DEL', keys.listed(here.namespace));
  expect((await store.listRooms(here.namespace, undefined, 10)).items).toEqual([]);
  await here.retain({});
  const { items } = await store.listRooms(here.namespace, undefined, 10);
  expect(items.map((item) => `${here.namespace}|${item.room}`)).toEqual([room]);
});

test('a room that somebody is joining is not taken out of their index by who finds no member yet', async () => {
  const here = await scene();
  const room = here.room();
  const marked = await mark(here);
  await store.recheckIndex(here.user('ada'), [room]);
  await steps.join(room, 'ada', options, marked.deadline);
  await store.recheckIndex(here.user('ada'), [room]);
  expect((await store.index(here.user('ada'))).rooms).toEqual([room]);
  expect(await isReadAgain(here)).toBe(false);
});
