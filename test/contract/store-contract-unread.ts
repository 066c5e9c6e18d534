/** `read` and `unread`: exact, whatever was posted, read, trimmed or left in between. */
import { expect, test } from 'vitest';
import { messageOf, refusal, type Scene } from './store-scene.ts';

/** A small generator with a seed, so that a failure can be run again. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * sides);
  };
}

export function unreadContract(scene: () => Scene): void {
  test('unread counts the texts after `read` that others wrote', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.post(room, 'ada', 'one', 'two');
    await here.post(room, 'bob', 'mine');
    await here.append(room, [here.reaction('ada')]);
    await here.post(room, 'ada', 'three');
    expect(await here.unread(room, 'bob')).toBe(3);
    expect(await here.unread(room, 'ada')).toBe(1);
  });

  test('what is no text is not unread', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob', 'eve');
    await here.append(room, [here.reaction('ada'), here.reaction('bob')]);
    await here.store.leave(room, 'eve');
    expect(await here.unread(room, 'bob')).toBe(0);
  });

  test('reading lowers unread, goes at most to the head and never back', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'ada', 6);
    for (const [seq, read, unread] of [
      [2, 2, 4],
      [1, 2, 4],
      [0, 2, 4],
      [4, 4, 2],
      [99, 6, 0],
      [3, 6, 0],
    ] as const) {
      await here.store.markRead(room, 'bob', seq);
      expect(await here.membership(room, 'bob')).toMatchObject({ read, unread });
    }
    expect(await here.membership(room, 'ada')).toMatchObject({ read: 0, unread: 0 });
  });

  test('the name of whoever reads on follows them', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'ada', 3);
    await here.store.markRead(room, 'bob', 2, { name: 'Bob of the two names' });
    expect(await here.membership(room, 'bob')).toMatchObject({ name: 'Bob of the two names', read: 2 });
    await here.store.markRead(room, 'bob', 3);
    expect(await here.membership(room, 'bob')).toMatchObject({ name: 'Bob of the two names', read: 3 });
  });

  test('own texts before and after `read` are told apart', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    for (const from of ['bob', 'ada', 'bob', 'ada', 'ada', 'bob', 'ada']) await here.post(room, from, 'text');
    await here.store.markRead(room, 'bob', 3);
    expect(await here.unread(room, 'bob')).toBe(3);
    await here.store.markRead(room, 'bob', 5);
    expect(await here.unread(room, 'bob')).toBe(1);
    await here.post(room, 'bob', 'mine');
    expect(await here.unread(room, 'bob')).toBe(1);
  });

  test('who is not a member cannot read', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await expect(here.store.markRead(room, 'bob', 1)).rejects.toMatchObject(refusal('not_found'));
    await expect(here.store.markRead(here.room('nowhere'), 'ada', 1)).rejects.toMatchObject(
      refusal('not_found'),
    );
  });

  test('reading in an epoch that is over is a conflict above the base of a later one', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'ada', 3);
    const old = await here.epoch(room);
    await here.newLife();
    await here.postMany(room, 'ada', 3);
    await expect(here.store.markRead(room, 'bob', 4, { epoch: old })).rejects.toMatchObject(
      refusal('conflict'),
    );
    await expect(here.store.markRead(room, 'bob', 6, { epoch: 'Unknown' })).rejects.toMatchObject(
      refusal('conflict'),
    );
    expect(await here.membership(room, 'bob')).toMatchObject({ read: 0, unread: 6 });
    await here.store.markRead(room, 'bob', 3, { epoch: old });
    expect(await here.membership(room, 'bob')).toMatchObject({ read: 3, unread: 3 });
    await here.store.markRead(room, 'bob', 5, { epoch: await here.epoch(room) });
    expect(await here.membership(room, 'bob')).toMatchObject({ read: 5, unread: 1 });
  });

  test('who comes back has nothing unread, and old texts of its own do not count', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'bob', 4);
    await here.postMany(room, 'ada', 2);
    await here.store.leave(room, 'bob');
    await here.postMany(room, 'ada', 2);
    await here.join(room, 'bob');
    expect(await here.unread(room, 'bob')).toBe(0);
    await here.postMany(room, 'ada', 3);
    await here.postMany(room, 'bob', 2);
    await here.postMany(room, 'ada', 1);
    expect(await here.unread(room, 'bob')).toBe(4);
    await here.store.markRead(room, 'bob', 11);
    expect(await here.unread(room, 'bob')).toBe(2);
  });

  test('retention of what a former membership wrote leaves the present one’s unread exact', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'bob', 4);
    await here.store.leave(room, 'bob');
    await here.join(room, 'bob');
    for (const from of ['ada', 'bob', 'bob', 'ada', 'bob', 'ada']) await here.post(room, from, 'text');
    await here.retain({ maxMessages: 6 });
    for (const [seq, unread] of [
      [6, 2],
      [8, 2],
      [9, 1],
      [11, 0],
    ] as const) {
      await here.store.markRead(room, 'bob', seq);
      expect([seq, await here.unread(room, 'bob')]).toEqual([seq, unread]);
    }
  });

  test('what retention took is not unread', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    for (const from of ['ada', 'bob', 'ada', 'ada', 'bob', 'ada']) await here.post(room, from, 'text');
    await here.retain({ maxMessages: 3 });
    expect(await here.unread(room, 'bob')).toBe(2);
    expect(await here.unread(room, 'ada')).toBe(1);
    await here.retain({ maxMessages: 1 });
    expect(await here.unread(room, 'bob')).toBe(1);
    await here.post(room, 'ada', 'next');
    expect(await here.unread(room, 'bob')).toBe(2);
  });

  test.each([1, 2, 3, 4])('unread equals a count of the log, through any history (%i)', async (seed) => {
    const here = scene();
    const roll = dice(seed);
    const users = ['ada', 'bob', 'eve'];
    const room = await here.roomOf(...users);
    const act = async (user: string): Promise<unknown> => {
      const isMember = (await here.membership(room, user)) !== undefined;
      const { head } = await here.info(room);
      switch (roll(10)) {
        case 0:
          return isMember ? here.store.leave(room, user) : here.join(room, user);
        case 1:
          return here.retain({ maxMessages: 1 + roll(12) });
        case 2:
        case 3:
          return isMember ? here.store.markRead(room, user, roll(head + 2)) : here.join(room, user);
        case 4:
          return isMember ? here.append(room, [here.reaction(user)]) : undefined;
        default:
          return isMember ? here.postMany(room, user, 1 + roll(3)) : here.join(room, user);
      }
    };
    for (let step = 0; step < 70; step += 1) {
      await act(users[roll(3)] ?? 'ada');
      const messages = (await here.log(room)).entries.map(messageOf);
      for (const user of users) {
        const membership = await here.membership(room, user);
        if (membership === undefined) continue;
        const { read, unread } = membership;
        const counted = messages.filter(
          ({ kind, from, seq }) => kind === 'text' && from !== user && seq > read,
        );
        expect([step, user, unread]).toEqual([step, user, counted.length]);
      }
    }
  });
}
