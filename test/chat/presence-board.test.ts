/** Whom sockets watch, and what they are told: against a store of maps, with time in hand. */
import { expect, test } from 'vitest';
import { roomId, userId, type UserId } from '../../src/chat/identity.ts';
import { PresenceBoard } from '../../src/chat/presence-board.ts';
import type { Here, Leases, PresenceRecord } from '../../src/chat/presence.ts';
import { StoreUnavailable } from '../../src/chat/store-unavailable.ts';
import type { PresenceNews, Watcher } from '../../src/chat/watching.ts';
import { upTo } from '../contract/store-scene.ts';

const ROOM = roomId('/', 'room');
const user = (name: string): UserId => userId('/', name);

class Scene {
  time = 1_000;
  isAway = false;
  reads = 0;
  memberReads = 0;
  /** What the next list of members waits for, once it was read. */
  held: Promise<void> | undefined;
  /** Happens once, right behind the next answer. */
  meanwhile: (() => void) | undefined;
  readonly members: string[] = [];
  readonly records = new Map<UserId, PresenceRecord>();
  leases: Leases = { alive: new Set(['a', 'b']), ended: new Map() };
  readonly board: PresenceBoard;

  constructor(more: { maxPerWatcher?: number; maxWatched?: number } = {}) {
    const answer = <T>(value: () => T): Promise<T> => {
      if (this.isAway) return Promise.reject(new StoreUnavailable('away'));
      const given = value();
      const { meanwhile } = this;
      this.meanwhile = undefined;
      meanwhile?.();
      return Promise.resolve(given);
    };
    this.board = new PresenceBoard(
      {
        leases: () => answer(() => this.leases),
        presence: (users) =>
          answer(() => {
            this.reads += users.length;
            return users.map((one) => this.records.get(one));
          }),
        memberNames: async (_, after, limit) => {
          const { held } = this;
          this.held = undefined;
          const names = await answer(() => {
            this.memberReads += 1;
            return this.members
              .toSorted()
              .filter((name) => after === undefined || name > after)
              .slice(0, limit);
          });
          await held;
          return names;
        },
      },
      {
        graceMs: 5_000,
        maxNamed: 3,
        maxPerWatcher: 10,
        maxWatched: 20,
        unknownAfterMs: 3_000,
        againMs: 1_000,
        now: () => this.time,
        wallNow: () => 1_000_000 + this.time,
        ...more,
      },
    );
  }

  enter(name: string, lease: string, here: Here | undefined): void {
    const entries = new Map(this.records.get(user(name))?.entries);
    if (here === undefined) entries.delete(lease);
    else entries.set(lease, { here, sockets: 1, since: 0 });
    this.records.set(user(name), { lastSeen: 77, entries });
  }

  watcher(name = 'me'): Watcher & { readonly told: PresenceNews[]; isClosed: boolean } {
    const told: PresenceNews[] = [];
    return { userId: user(name), isClosed: false, told, tell: (news) => told.push(news) };
  }

  async look(ms = 100): Promise<void> {
    this.time += ms;
    await this.board.look();
    this.board.tell();
  }
}

const statuses = ({ users }: PresenceNews): string[] => users.map((one) => `${one.user} ${one.status}`);

test('a watch is answered with what is known, and then changes are told', async () => {
  const scene = new Scene();
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
  const scene = new Scene();
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
  const scene = new Scene();
  const me = scene.watcher();
  await scene.board.watch(me, [user('ada'), user('bob')], []);
  await scene.look();
  scene.enter('ada', 'a', 'online');
  for (let i = 0; i < 12 && me.told.length === 0; i += 1) await scene.look();
  expect(me.told.map(statuses)).toEqual([['ada online']]);
});

test('whose lease ends is let go when the grace time is over, without a look at the record', async () => {
  const scene = new Scene();
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
  const scene = new Scene();
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
  const scene = new Scene();
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
  const scene = new Scene();
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

test('a room’s members are watched, also those who come, and not those who went', async () => {
  const scene = new Scene();
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
  const scene = new Scene();
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
  const scene = new Scene();
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

test('a watch replaces the one before; the end of the socket takes all of it back', async () => {
  const scene = new Scene();
  const me = scene.watcher();
  scene.members.push('me', 'ada');
  await scene.board.watch(me, [user('bob'), user('ada')], [ROOM]);
  await scene.board.watch(me, [user('cem'), user('ada')], []);
  expect(scene.board.watched).toBe(2);
  scene.board.unwatch(me);
  expect(scene.board.watched).toBe(0);
});

test('a socket that closed while it asked watches nothing', async () => {
  const scene = new Scene();
  const me = scene.watcher();
  const asked = scene.board.watch(me, [user('ada')], [ROOM]);
  me.isClosed = true;
  await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
  expect(scene.board.watched).toBe(0);
});

test('one watcher watches so many, and so does a worker', async () => {
  const scene = new Scene({ maxPerWatcher: 3, maxWatched: 4 });
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
  const scene = new Scene();
  for (let i = 0; i < 5; i += 1) await scene.look();
  expect(scene.reads).toBe(0);
});

test('who joined a large room just now and watches it keeps what they watch, whoever watches it next', async () => {
  const scene = new Scene();
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
  const scene = new Scene();
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
  const scene = new Scene();
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
  const scene = new Scene({ maxPerWatcher: 4 });
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
  const scene = new Scene();
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

test('nothing is told before the watch is answered', async () => {
  const scene = new Scene();
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

test('a list of members that was read before somebody joined does not end what they watch', async () => {
  const scene = new Scene();
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
  const scene = new Scene();
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
  const scene = new Scene();
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

test('… nor where the room is large, whose members are as they were lately', async () => {
  const scene = new Scene();
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
