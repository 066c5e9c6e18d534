/** Rooms whose members are watched: who comes, who goes, and lists that are late. */
import { expect, test } from 'vitest';
import { roomId } from '../../src/chat/identity.ts';
import type { PresenceNews } from '../../src/chat/watching.ts';
import { BoardScene, ROOM, statuses, user } from '../support/board-scene.ts';

test('a room’s members are watched, also those who come, and not those who went', async () => {
  const scene = new BoardScene();
  const me = scene.watcher();
  scene.members.push('me', 'ada');
  const news = await scene.board.watch(me, [], [ROOM]);
  expect(statuses(news)).toEqual(['me offline', 'ada offline'].toSorted());
  scene.members.push('bob');
  scene.enter('bob', 'a', 'online');
  scene.board.hintRoom(ROOM);
  await scene.look();
  await scene.look();
  expect(me.told.flatMap(statuses)).toEqual(['bob online']);
  scene.members.splice(scene.members.indexOf('ada'), 1);
  scene.board.hintRoom(ROOM);
  await scene.look();
  expect(scene.board.watched).toBe(2);
});

test('a larger room gives the number of those who are there', async () => {
  const scene = new BoardScene();
  const me = scene.watcher();
  scene.members.push('me', 'ada', 'bob', 'cem');
  scene.enter('ada', 'a', 'online');
  scene.enter('bob', 'a', 'away');
  expect(await scene.board.watch(me, [], [ROOM])).toEqual({ users: [], counts: { room: 2 } });
  scene.enter('cem', 'a', 'online');
  await scene.look(5_000);
  expect(me.told).toEqual([{ users: [], counts: { room: 3 } }]);
  expect(scene.board.watched).toBe(0);
});

test('who is no member any more watches the room no longer', async () => {
  const scene = new BoardScene();
  const [me, other] = [scene.watcher('me'), scene.watcher('ada')];
  scene.members.push('me', 'ada');
  await scene.board.watch(me, [], [ROOM]);
  await scene.board.watch(other, [], [ROOM]);
  scene.members.splice(scene.members.indexOf('me'), 1);
  scene.board.hintRoom(ROOM);
  await scene.look();
  scene.enter('ada', 'a', 'online');
  scene.board.hint(user('ada'));
  await scene.look();
  expect(me.told).toEqual([]);
  expect(other.told.flatMap(statuses)).toEqual(['ada online']);
});

test('who joined a large room just now and watches it keeps what they watch, whoever watches it next', async () => {
  const scene = new BoardScene();
  const [first, late, next] = [scene.watcher('me'), scene.watcher('late'), scene.watcher('ada')];
  scene.members.push('me', 'ada', 'bob', 'cem');
  await scene.board.watch(first, [], [ROOM]);
  scene.members.push('late');
  await scene.board.watch(late, [], [ROOM]);
  await scene.board.watch(next, [], [ROOM]);
  scene.enter('bob', 'a', 'online');
  await scene.look(6_000);
  for (const one of [first, late, next]) expect(one.told).toEqual([{ users: [], counts: { room: 1 } }]);
});

test('a room whose only watcher is none of it any more is watched by who comes next', async () => {
  const scene = new BoardScene();
  const [gone, next] = [scene.watcher('gone'), scene.watcher('ada')];
  scene.members.push('gone', 'ada');
  await scene.board.watch(gone, [], [ROOM]);
  scene.members.splice(0, 1);
  await scene.board.watch(next, [], [ROOM]);
  scene.members.push('bob');
  scene.enter('bob', 'a', 'online');
  scene.board.hintRoom(ROOM);
  await scene.look();
  await scene.look();
  expect(next.told.flatMap(statuses)).toEqual(['bob online']);
});

test('a large room is read and counted once for all who watch it at once, or again and again', async () => {
  const scene = new BoardScene();
  scene.members.push('me', 'ada', 'bob', 'cem');
  const watchers = ['me', 'ada', 'bob', 'cem'].map((name) => scene.watcher(name));
  await Promise.all(watchers.map((one) => scene.board.watch(one, [], [ROOM])));
  const { reads } = scene;
  expect(scene.memberReads).toBe(1);
  const [me] = watchers;
  if (me === undefined) throw new Error('nobody');
  for (let i = 0; i < 10; i += 1) {
    await scene.board.watch(me, [], []);
    await scene.board.watch(me, [], [ROOM]);
  }
  expect(scene.reads).toBe(reads);
});

test('a room that grows past what a watcher may watch is counted', async () => {
  const scene = new BoardScene({ maxPerWatcher: 4 });
  const me = scene.watcher();
  scene.members.push('me');
  await scene.board.watch(me, [user('x'), user('y')], [ROOM]);
  scene.members.push('ada', 'bob');
  scene.board.hintRoom(ROOM);
  await scene.look();
  expect(scene.board.watched).toBe(2);
  scene.enter('bob', 'a', 'online');
  await scene.look(6_000);
  expect(me.told.at(-1)?.counts).toEqual({ room: 1 });
});

test('who joins a watched room is told of, also where they are watched already', async () => {
  const scene = new BoardScene();
  const [me, other] = [scene.watcher('me'), scene.watcher('other')];
  scene.members.push('me', 'ada');
  scene.enter('bob', 'a', 'online');
  await scene.board.watch(other, [user('bob')], []);
  await scene.board.watch(me, [], [ROOM]);
  await scene.look();
  scene.members.push('bob');
  scene.board.hintRoom(ROOM);
  await scene.look();
  await scene.look();
  expect(me.told.flatMap(statuses)).toEqual(['bob online']);
  expect(other.told).toEqual([]);
});

test('a list of members that was read before somebody joined does not end what they watch', async () => {
  const scene = new BoardScene();
  const [me, late] = [scene.watcher('me'), scene.watcher('late')];
  scene.members.push('me', 'ada');
  const [first, second] = [roomId('/', 'first'), ROOM];
  // The members of the second are read with those of the first; then late joins and watches it.
  let lateNews: Promise<PresenceNews> | undefined;
  scene.meanwhile = () => {
    scene.meanwhile = () => {
      scene.members.push('late');
      lateNews = scene.board.watch(late, [], [second]);
    };
  };
  await scene.board.watch(me, [], [first, second]);
  await lateNews;
  scene.enter('ada', 'a', 'online');
  scene.board.hint(user('ada'));
  await scene.look();
  scene.enter('late', 'a', 'online');
  scene.board.hint(user('late'));
  await scene.look();
  expect(late.told.flatMap(statuses)).toEqual(['ada online', 'late online']);
  expect(me.told.flatMap(statuses)).toEqual(['ada online', 'late online']);
});

test('a look that began before somebody joined does not end what they watch', async () => {
  const scene = new BoardScene();
  const [me, late] = [scene.watcher('me'), scene.watcher('late')];
  scene.members.push('me', 'ada');
  await scene.board.watch(me, [], [ROOM]);
  scene.board.hintRoom(ROOM);
  let go = (): void => {};
  scene.held = new Promise((resolve) => (go = resolve));
  const look = scene.look();
  await new Promise(setImmediate);
  scene.members.push('late');
  await scene.board.watch(late, [], [ROOM]);
  go();
  await look;
  await scene.look();
  scene.enter('ada', 'a', 'online');
  scene.board.hint(user('ada'));
  await scene.look();
  expect(late.told.flatMap(statuses)).toEqual(['ada online']);
});

test('who was removed while another asked who is there watches no longer', async () => {
  const scene = new BoardScene();
  const [me, gone, other] = [scene.watcher('me'), scene.watcher('gone'), scene.watcher('ada')];
  scene.members.push('me', 'gone', 'ada');
  for (const one of [me, gone]) await scene.board.watch(one, [], [ROOM]);
  scene.board.hintRoom(ROOM);
  let go = (): void => {};
  scene.held = new Promise((resolve) => (go = resolve));
  const look = scene.look();
  await new Promise(setImmediate);
  scene.members.splice(1, 1);
  await scene.board.watch(other, [], [ROOM]);
  go();
  await look;
  scene.enter('ada', 'a', 'online');
  scene.board.hint(user('ada'));
  await scene.look();
  expect(gone.told).toEqual([]);
  expect(me.told.flatMap(statuses)).toContain('ada online');
});

test('a look that began before somebody joined a large room does not end what they watch either', async () => {
  const scene = new BoardScene();
  const [me, late] = [scene.watcher('me'), scene.watcher('late')];
  scene.members.push('me', 'ada', 'bob', 'cem');
  await scene.board.watch(me, [], [ROOM]);
  let go = (): void => {};
  scene.held = new Promise((resolve) => (go = resolve));
  const look = scene.look(6_000);
  await new Promise(setImmediate);
  scene.members.push('late');
  await scene.board.watch(late, [], [ROOM]);
  go();
  await look;
  scene.enter('bob', 'a', 'online');
  await scene.look(6_000);
  expect(late.told.map(({ counts }) => counts)).toEqual([{ room: 1 }]);
});

test('a count does not fall because a part of the store does not answer', async () => {
  const scene = new BoardScene();
  const me = scene.watcher();
  scene.members.push('me', 'ada', 'bob', 'cem');
  for (const name of ['ada', 'bob']) scene.enter(name, 'a', 'online');
  await scene.board.watch(me, [], [ROOM]);
  scene.silent.add(user('ada'));
  await scene.look(5_000);
  expect(me.told).toEqual([]);
  scene.silent.clear();
  scene.enter('ada', 'a', undefined);
  await scene.look(5_000);
  expect(me.told).toEqual([{ users: [], counts: { room: 1 } }]);
});

test('a hint that the store did not answer to is looked into again at once', async () => {
  const scene = new BoardScene();
  const [me, other] = [scene.watcher('me'), scene.watcher('ada')];
  scene.members.push('me', 'ada');
  for (const watcher of [me, other]) await scene.board.watch(watcher, [], [ROOM]);
  scene.members.splice(scene.members.indexOf('me'), 1);
  scene.board.hintRoom(ROOM);
  // Records and leases are read, the members are not.
  scene.meanwhile = () => {
    scene.meanwhile = () => {
      scene.isAway = true;
    };
  };
  await scene.look();
  expect(scene.isAway).toBe(true);
  scene.isAway = false;
  await scene.look();
  scene.enter('ada', 'a', 'online');
  scene.board.hint(user('ada'));
  await scene.look();
  expect(me.told.flatMap(statuses)).toEqual([]);
  expect(other.told.flatMap(statuses)).toEqual(['ada online']);
});
