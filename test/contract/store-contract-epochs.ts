/** Lives and epochs (G12): what may have been lost is said aloud, and no seq is given twice. */
import { expect, test } from 'vitest';
import type { RoomId } from '../../src/chat/identity.ts';
import type { Store } from '../../src/chat/store.ts';
import { accepted, seqsOf, upTo, type Scene } from './store-scene.ts';

/** Every step that touches a room. */
const STEPS: Record<string, (here: Scene, room: RoomId) => Promise<unknown>> = {
  append: (here, room) => here.post(room, 'ada', 'text'),
  join: (here, room) => here.join(room, 'eve'),
  'join by a member': (here, room) => here.join(room, 'ada'),
  leave: (here, room) => here.store.leave(room, 'bob'),
  page: (here, room) => here.log(room),
  history: (here, room) => here.store.history(room, { user: 'ada', limit: 1 }),
  views: (here, room) => here.store.views('ada', undefined, [room]),
  moveCursors: (here, room) => here.moveCursor(room, 'ada', 'phone', { epoch: 'none', seq: 1 }),
  markRead: (here, room) => here.store.markRead(room, 'ada', 1),
};

export function epochContract(scene: () => Scene): void {
  test('a room goes on counting in a new epoch that begins at its head', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 3);
    const old = await here.epoch(room);
    await here.newLife();
    const { results, batch } = await here.append(room, [here.draft('ada', 'four')]);
    const { chain } = await here.info(room);
    expect(chain).toEqual([
      { epoch: old, base: 0 },
      { epoch: expect.any(String), base: 3 },
    ]);
    const epoch = chain[1]?.epoch;
    expect(epoch).not.toBe(old);
    expect(accepted(results[0])).toMatchObject({ seq: 4, epoch });
    expect(batch).toMatchObject({ epoch, entries: [{ seq: 4 }] });
    expect(seqsOf((await here.log(room)).entries)).toEqual([1, 2, 3, 4]);
  });

  test.each(Object.keys(STEPS))('%s begins the epoch if it is the first to touch the room', async (name) => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'ada', 2);
    const before = await here.info(room);
    await here.newLife();
    await STEPS[name]?.(here, room);
    // `heads` does not look at the life, so it shows what the step itself did.
    const [head] = await here.store.heads([room]);
    expect(head?.epoch).not.toBe(before.chain[0]?.epoch);
    const { chain } = await here.info(room);
    expect(chain).toEqual([...before.chain, { epoch: head?.epoch, base: 2 }]);
  });

  test('within one life no epoch begins, whatever is done', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    const other = await here.second();
    for (const step of Object.values(STEPS)) await step(here, room).catch(() => {});
    await here.append(room, [here.draft('ada', 'through the other')], other);
    await here.log(room, other);
    expect((await here.info(room)).chain).toHaveLength(1);
  });

  test('each life begins one epoch, with a name of its own', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    for (const count of [2, 0, 3]) {
      if (count > 0) await here.postMany(room, 'ada', count);
      await here.newLife();
      await here.log(room);
    }
    const { chain } = await here.info(room);
    expect(chain.map(({ base }) => base)).toEqual([0, 2, 2, 5]);
    expect(new Set(chain.map(({ epoch }) => epoch)).size).toBe(4);
  });

  test('handles that are first at once begin one epoch between them', async () => {
    const here = scene();
    const rooms = await Promise.all(upTo(10).map(() => here.roomOf('ada')));
    await here.newLife();
    const other = await here.second();
    const read = (store: Store) => rooms.map((room) => here.log(room, store));
    await Promise.all([...read(here.store), ...read(other)]);
    for (const room of rooms) expect((await here.info(room)).chain).toHaveLength(2);
  });

  test('two rooms have epochs of their own', async () => {
    const here = scene();
    const [red, blue] = [await here.roomOf('ada'), await here.roomOf('ada')];
    await here.postMany(red, 'ada', 2);
    await here.newLife();
    const views = await here.store.views('ada', undefined, [red, blue]);
    expect(views.map((view) => view?.info.chain.at(-1)?.base)).toEqual([2, 0]);
  });

  test('positions up to the base stay valid, what lies above it is announced as lost', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 3);
    const old = await here.epoch(room);
    await here.newLife();
    await here.postMany(room, 'ada', 2);
    const epoch = await here.epoch(room);
    const held = await here.page(room, { epoch: old, seq: 3 });
    expect(held).toMatchObject({ losses: [], start: { epoch, seq: 3 } });
    expect(seqsOf(held.entries)).toEqual([4, 5]);
    const void_ = await here.page(room, { epoch: old, seq: 5 });
    expect(seqsOf(void_.entries)).toEqual([4, 5]);
    expect(void_.start).toEqual({ epoch, seq: 3 });
    expect(void_.losses).toEqual([{ epoch: old, from: 4, to: 5, reason: 'epoch', next: { epoch, seq: 3 } }]);
  });

  test('a position of an epoch that nobody knows holds up to the present base', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 3);
    await here.newLife();
    await here.postMany(room, 'ada', 2);
    const epoch = await here.epoch(room);
    const page = await here.page(room, { epoch: 'Unknown', seq: 4 });
    expect(page.start).toEqual({ epoch, seq: 3 });
    expect(page.losses).toMatchObject([{ epoch: 'Unknown', from: 4, to: 4, reason: 'epoch' }]);
    expect(await here.page(room, { epoch: 'Unknown', seq: 2 })).toMatchObject({
      losses: [],
      start: { epoch, seq: 2 },
    });
  });

  test('what was lost by an epoch and then by retention is announced in this order', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 3);
    const old = await here.epoch(room);
    await here.newLife();
    await here.postMany(room, 'ada', 7);
    await here.retain({ maxMessages: 2 });
    const epoch = await here.epoch(room);
    const page = await here.page(room, { epoch: old, seq: 6 });
    expect(page.losses).toEqual([
      { epoch: old, from: 4, to: 6, reason: 'epoch', next: { epoch, seq: 3 } },
      { epoch, from: 4, to: 8, reason: 'retention', next: { epoch, seq: 8 } },
    ]);
    expect(page.start).toEqual({ epoch, seq: 8 });
    expect(seqsOf(page.entries)).toEqual([9, 10]);
  });

  test('an id stored in a former life is a duplicate, with its first epoch and seq', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    const first = (await here.append(room, [here.draft('ada', 'one', 'x')])).results.map(accepted);
    await here.newLife();
    const { results, batch } = await here.append(room, [here.draft('ada', 'one', 'x')]);
    expect(results).toEqual([{ ...first[0], duplicate: true }]);
    expect(batch).toBeUndefined();
  });

  test('memberships, their points, indexes and unread outlive a life', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'ada', 4);
    await here.store.markRead(room, 'bob', 1);
    const [membership, index] = [
      await here.membership(room, 'bob'),
      await here.store.index(here.user('bob')),
    ];
    await here.newLife();
    expect(await here.membership(room, 'bob')).toEqual(membership);
    expect(await here.store.index(here.user('bob'))).toMatchObject({ rooms: index.rooms });
    expect(membership).toMatchObject({ read: 1, unread: 3 });
  });
}
