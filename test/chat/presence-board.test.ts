/** Whom sockets watch, and what they are told. */
import { expect, test } from 'vitest';
import { upTo } from '../contract/store-scene.ts';
import { BoardScene, ROOM, statuses, user } from '../support/board-scene.ts';

test('a watch is answered with what is known, and then changes are told', async () => {
  const scene = new BoardScene();
  const me = scene.watcher();
  scene.enter('ada', 'a', 'online');
  const news = await scene.board.watch(me, [user('ada'), user('bob')], []);
  expect(news).toEqual({
    users: [
      { user: 'ada', status: 'online', lastSeen: 1_001_000 },
      { user: 'bob', status: 'offline', lastSeen: 0 },
    ],
  });
  scene.enter('bob', 'b', 'away');
  scene.board.hint(user('bob'));
  await scene.look();
  expect(me.told.map(statuses)).toEqual([['bob away']]);
  await scene.look();
  expect(me.told).toHaveLength(1);
});

test('what changes and changes back between two tellings is not told', async () => {
  const scene = new BoardScene();
  const me = scene.watcher();
  scene.enter('ada', 'a', 'online');
  await scene.board.watch(me, [user('ada')], []);
  for (const here of ['away', 'online'] as const) {
    scene.enter('ada', 'a', here);
    scene.board.hint(user('ada'));
    await scene.board.look();
  }
  scene.board.tell();
  expect(me.told).toEqual([]);
});

test('without any hint a change is seen within the time of a turn', async () => {
  const scene = new BoardScene();
  const me = scene.watcher();
  await scene.board.watch(me, [user('ada'), user('bob')], []);
  await scene.look();
  scene.enter('ada', 'a', 'online');
  for (let i = 0; i < 12 && me.told.length === 0; i += 1) await scene.look();
  expect(me.told.map(statuses)).toEqual([['ada online']]);
});

test('whose lease ends is let go when the grace time is over, without a look at the record', async () => {
  const scene = new BoardScene();
  const me = scene.watcher();
  scene.enter('ada', 'a', 'online');
  await scene.board.watch(me, [user('ada')], []);
  scene.leases = { alive: new Set(['b']), ended: new Map([['a', 1_000_000 + scene.time]]) };
  await scene.look();
  await scene.look(4_000);
  expect(me.told).toEqual([]);
  await scene.look(1_000);
  expect(me.told.map(statuses)).toEqual([['ada offline']]);
});

test('a lease that began after the leases were read does not make anybody offline', async () => {
  const scene = new BoardScene();
  const me = scene.watcher();
  scene.enter('ada', 'a', 'online');
  await scene.board.watch(me, [user('ada')], []);
  scene.enter('ada', 'a', undefined);
  scene.enter('ada', 'new', 'online');
  scene.leases = { alive: new Set(['b', 'new']), ended: new Map() };
  scene.board.hint(user('ada'));
  await scene.look();
  expect(me.told).toEqual([]);
});

test('a lease that begins while records and leases are read does not make anybody offline', async () => {
  const scene = new BoardScene();
  const me = scene.watcher();
  scene.enter('ada', 'a', 'online');
  await scene.board.watch(me, [user('ada')], []);
  scene.meanwhile = () => {
    scene.enter('ada', 'a', undefined);
    scene.enter('ada', 'new', 'online');
    scene.leases = { alive: new Set(['a', 'b', 'new']), ended: new Map() };
  };
  for (let i = 0; i < 2; i += 1) {
    scene.board.hint(user('ada'));
    await scene.look();
  }
  expect(scene.meanwhile).toBeUndefined();
  expect(me.told).toEqual([]);
});

test('while the store is away nobody is offline: it is not known', async () => {
  const scene = new BoardScene();
  const me = scene.watcher();
  scene.enter('ada', 'a', 'online');
  await scene.board.watch(me, [user('ada'), user('bob')], []);
  scene.isAway = true;
  await scene.look(2_900);
  expect(me.told).toEqual([]);
  await scene.look(200);
  expect(me.told.map(statuses)).toEqual([['ada unknown', 'bob unknown']]);
  scene.isAway = false;
  for (let i = 0; i < 12; i += 1) await scene.look();
  expect(me.told.slice(1).flatMap(statuses).toSorted()).toEqual(['ada online', 'bob offline']);
});

test('a watch replaces the one before; the end of the socket takes all of it back', async () => {
  const scene = new BoardScene();
  const me = scene.watcher();
  scene.members.push('me', 'ada');
  await scene.board.watch(me, [user('bob'), user('ada')], [ROOM]);
  await scene.board.watch(me, [user('cem'), user('ada')], []);
  expect(scene.board.watched).toBe(2);
  scene.board.unwatch(me);
  expect(scene.board.watched).toBe(0);
});

test('a socket that closed while it asked watches nothing', async () => {
  const scene = new BoardScene();
  const me = scene.watcher();
  const asked = scene.board.watch(me, [user('ada')], [ROOM]);
  me.isClosed = true;
  await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
  expect(scene.board.watched).toBe(0);
});

test('one watcher watches so many, and so does a worker', async () => {
  const scene = new BoardScene({ maxPerWatcher: 3, maxWatched: 4 });
  const users = (count: number, from: number) => upTo(count, from).map((n) => user(`u${n}`));
  await expect(scene.board.watch(scene.watcher(), users(4, 1), [])).rejects.toMatchObject({
    code: 'too_large',
  });
  await scene.board.watch(scene.watcher(), users(3, 1), []);
  await expect(scene.board.watch(scene.watcher(), users(2, 4), [])).rejects.toMatchObject({ code: 'busy' });
  await scene.board.watch(scene.watcher(), users(2, 3), []);
  expect(scene.board.watched).toBe(4);
});

test('nothing is read while nobody watches', async () => {
  const scene = new BoardScene();
  for (let i = 0; i < 5; i += 1) await scene.look();
  expect(scene.reads).toBe(0);
});

test('nothing is told before the watch is answered', async () => {
  const scene = new BoardScene();
  const [me, other] = [scene.watcher('me'), scene.watcher('other')];
  scene.enter('ada', 'a', 'online');
  await scene.board.watch(other, [user('ada')], []);
  const watching = scene.board.watch(me, [user('ada')], []);
  scene.board.tell();
  expect(me.told).toEqual([]);
  expect(statuses(await watching)).toEqual(['ada online']);
  scene.board.tell();
  expect(me.told).toEqual([]);
});

test('of whom a part of the store does not answer nothing is known after a while, and nobody goes offline', async () => {
  const scene = new BoardScene();
  const me = scene.watcher();
  for (const name of ['ada', 'bob']) scene.enter(name, 'a', 'online');
  await scene.board.watch(me, [user('ada'), user('bob')], []);
  scene.silent.add(user('ada'));
  for (let i = 0; i < 20; i += 1) await scene.look();
  expect(me.told).toEqual([]);
  for (let i = 0; i < 40; i += 1) await scene.look();
  expect(me.told.map(statuses)).toEqual([['ada unknown']]);
  const other = scene.watcher('other');
  expect(statuses(await scene.board.watch(other, [user('ada')], []))).toEqual(['ada unknown']);
  scene.silent.clear();
  for (let i = 0; i < 20; i += 1) await scene.look();
  expect(me.told.map(statuses)).toEqual([['ada unknown'], ['ada online']]);
  expect(other.told.map(statuses)).toEqual([['ada online']]);
  scene.silent.add(user('ada'));
  for (let i = 0; i < 20; i += 1) await scene.look();
  expect(me.told).toHaveLength(2);
});
