/** Memberships: joining, creating, leaving, and what one step of them changes. */
import { expect, test } from 'vitest';
import { messageOf, refusal, seqsOf, upTo, type Scene } from './store-scene.ts';

export function memberContract(scene: () => Scene): void {
  test('joining a room that does not exist creates it where that is wanted', async () => {
    const here = scene();
    const room = here.room();
    const create = { kind: 'public', title: 'Tea room', role: 'owner' } as const;
    const { info, membership, isNew } = await here.join(room, 'ada', { name: 'Ada', create });
    expect(isNew).toBe(true);
    expect(info).toMatchObject({ kind: 'public', title: 'Tea room', members: 1, head: 0, first: 1 });
    expect(info.chain).toMatchObject([{ base: 0 }]);
    expect(Math.abs(info.lastAt - Date.now())).toBeLessThan(5_000);
    const point = { epoch: info.chain[0]?.epoch, seq: 0 };
    expect(membership).toEqual({ role: 'owner', name: 'Ada', point, read: 0, cursor: point, unread: 0 });
  });

  test('joining a room that does not exist is refused where creating is not wanted', async () => {
    const here = scene();
    await expect(here.join(here.room(), 'ada', { create: undefined })).rejects.toMatchObject(
      refusal('not_found'),
    );
    expect(await here.store.views('ada', undefined, [here.room()])).toEqual([undefined]);
    expect((await here.store.index(here.user('ada'))).rooms).toEqual([]);
  });

  test('who joins a room that exists becomes a member, whatever it would have created', async () => {
    const here = scene();
    await here.create(here.room(), 'ada', 'public', 'Tea');
    const create = { kind: 'private', title: 'Mine', role: 'owner' } as const;
    const { info, membership } = await here.join(here.room(), 'bob', { create });
    expect(info).toMatchObject({ kind: 'public', title: 'Tea', members: 2 });
    expect(membership.role).toBe('member');
  });

  test('a membership begins at the head, and is read up to there', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 5);
    const { info, membership } = await here.join(room, 'bob');
    const point = { epoch: await here.epoch(room), seq: 5 };
    expect(info.head).toBe(5);
    expect(membership).toMatchObject({ point, read: 5, cursor: point, unread: 0 });
  });

  test('joining and posting at once puts the point exactly where the seqs say', async () => {
    const here = scene();
    const other = await here.second();
    const room = await here.roomOf('ada');
    const posting = (async () => {
      for (let i = 0; i < 30; i += 1) await here.append(room, [here.draft('ada', `text ${i}`)], other);
    })();
    for (const user of upTo(10).map((n) => `user-${n}`)) {
      const { info, membership } = await here.join(room, user);
      expect(membership.point.seq).toBe(info.head);
      expect(membership.unread).toBe(0);
    }
    await posting;
  });

  test('joining again changes nothing', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    const before = await here.membership(room, 'bob');
    await here.post(room, 'ada', 'one');
    const again = await here.join(room, 'bob', { name: 'Robert' });
    expect(again.isNew).toBe(false);
    expect(again.membership).toEqual({ ...before, unread: 1 });
    expect(again.info.members).toBe(2);
  });

  test('creating what exists is a conflict, for a member too', async () => {
    const here = scene();
    const room = here.room();
    await here.create(room, 'ada', 'public');
    await expect(here.create(room, 'bob', 'public')).rejects.toMatchObject(refusal('conflict'));
    await expect(here.create(room, 'ada', 'public')).rejects.toMatchObject(refusal('conflict'));
    expect((await here.info(room)).members).toBe(1);
    expect((await here.store.index(here.user('bob'))).rooms).toEqual([]);
  });

  test('of two that create one room at once, one does', async () => {
    const here = scene();
    const other = await here.second();
    for (const n of upTo(5)) {
      const room = here.room(`room-${n}`);
      const options = {
        create: { kind: 'public', title: '', role: 'owner' },
        mustCreate: true,
      } as const;
      const outcomes = await Promise.allSettled([
        here.join(room, 'ada', options),
        here.join(room, 'bob', options, other),
      ]);
      expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      const refused = outcomes.find(({ status }) => status === 'rejected');
      expect(refused).toMatchObject({ reason: refusal('conflict') });
      expect((await here.info(room)).members).toBe(1);
    }
  });

  test('a user that joins through two handles at once becomes a member once', async () => {
    const here = scene();
    const other = await here.second();
    for (const n of upTo(5)) {
      const room = here.room(`room-${n}`);
      const joined = await Promise.all([here.join(room, 'ada'), here.join(room, 'ada', {}, other)]);
      expect(joined.filter(({ isNew }) => isNew)).toHaveLength(1);
      expect((await here.info(room)).members).toBe(1);
    }
  });

  test.each(['private', 'direct'] as const)(
    'a %s room is unknown to whoever is not a member',
    async (kind) => {
      const here = scene();
      const room = here.room(kind === 'direct' ? 'dm:ada:bob' : 'secret');
      await here.create(room, 'ada', kind);
      await expect(here.join(room, 'eve')).rejects.toMatchObject(refusal('not_found'));
      expect(await here.membership(room, 'eve')).toBeUndefined();
      expect((await here.store.index(here.user('eve'))).rooms).toEqual([]);
      expect(await here.join(room, 'ada')).toMatchObject({ isNew: false, info: { kind, members: 1 } });
    },
  );

  test('who is in as many rooms as allowed is told so, and nothing is created', async () => {
    const here = scene();
    const [red, blue] = [await here.roomOf('ada'), await here.roomOf('ada')];
    const next = here.room('next');
    await expect(here.join(next, 'ada', { maxRoomsPerUser: 2 })).rejects.toMatchObject(refusal('too_large'));
    expect(await here.store.views('ada', undefined, [next])).toEqual([undefined]);
    expect((await here.store.index(here.user('ada'))).rooms.toSorted()).toEqual([red, blue].toSorted());
    expect(await here.join(red, 'ada', { maxRoomsPerUser: 2 })).toMatchObject({ isNew: false });
    await here.store.leave(red, 'ada');
    expect(await here.join(next, 'ada', { maxRoomsPerUser: 2 })).toMatchObject({ isNew: true });
  });

  test('no more rooms than allowed are had by joining through two handles at once', async () => {
    const here = scene();
    const other = await here.second();
    const rooms = upTo(10).map((n) => here.room(`room-${n}`));
    const outcomes = await Promise.allSettled(
      rooms.map((room, i) =>
        here.join(room, 'ada', { maxRoomsPerUser: 5 }, i % 2 === 0 ? here.store : other),
      ),
    );
    const joined = rooms.filter((_, i) => outcomes[i]?.status === 'fulfilled');
    expect(joined.length).toBeLessThanOrEqual(5);
    expect(joined.length).toBeGreaterThan(0);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(refusal('too_large'));
    }
    expect((await here.store.index(here.user('ada'))).rooms.toSorted()).toEqual(joined.toSorted());
  });

  test('leaving is an entry of the log that says who left', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'ada', 3);
    const point = (await here.membership(room, 'bob'))?.point;
    const left = await here.store.leave(room, 'bob');
    expect(left.point).toEqual(point);
    expect(left.batch).toMatchObject({ epoch: await here.epoch(room), entries: [{ seq: 4 }] });
    const [entry] = left.batch.entries;
    expect(entry?.system).toEqual({ action: 'left', user: 'bob' });
    expect(messageOf(entry ?? { json: '{}' })).toMatchObject({
      room: room.split('|')[1],
      seq: 4,
      from: 'bob',
      kind: 'system',
      data: { action: 'left', user: 'bob' },
    });
    const { entries } = await here.log(room);
    expect(seqsOf(entries)).toEqual([1, 2, 3, 4]);
    expect(entries.at(-1)).toEqual(entry);
    expect(await here.info(room)).toMatchObject({ head: 4, members: 1 });
    expect(await here.membership(room, 'bob')).toBeUndefined();
  });

  test('leaving what one is not in is refused', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await expect(here.store.leave(room, 'bob')).rejects.toMatchObject(refusal('not_found'));
    await expect(here.store.leave(here.room('nowhere'), 'bob')).rejects.toMatchObject(refusal('not_found'));
    await here.join(room, 'bob');
    await here.store.leave(room, 'bob');
    await expect(here.store.leave(room, 'bob')).rejects.toMatchObject(refusal('not_found'));
    expect((await here.info(room)).head).toBe(1);
  });

  test('the last owner cannot leave, neither the others behind nor alone, but hand over', async () => {
    const here = scene();
    const room = here.room();
    await here.create(room, 'ada', 'public');
    await here.join(room, 'bob');
    await expect(here.store.leave(room, 'ada')).rejects.toMatchObject(refusal('conflict'));
    expect(await here.info(room)).toMatchObject({ members: 2, head: 0 });
    await here.store.leave(room, 'bob');
    await expect(here.store.leave(room, 'ada')).rejects.toMatchObject(refusal('conflict'));
    expect(await here.info(room)).toMatchObject({ members: 1, head: 1 });
  });

  test('a direct room cannot be left', async () => {
    const here = scene();
    const room = here.room('dm:ada:bob');
    await here.create(room, 'ada', 'direct');
    await expect(here.store.leave(room, 'ada')).rejects.toMatchObject(refusal('forbidden'));
    expect(await here.membership(room, 'ada')).toBeDefined();
  });

  test('who comes back begins anew, after its own leaving', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'ada', 2);
    await here.store.leave(room, 'bob');
    await here.post(room, 'ada', 'meanwhile');
    const { membership, isNew } = await here.join(room, 'bob');
    expect(isNew).toBe(true);
    expect(membership).toMatchObject({ point: { seq: 4 }, read: 4, unread: 0 });
  });

  test('views come in the order asked, with undefined for a room that does not exist', async () => {
    const here = scene();
    const [red, blue] = [await here.roomOf('ada', 'bob'), await here.roomOf('bob')];
    const views = await here.store.views('ada', undefined, [blue, here.room('nowhere'), red]);
    expect(views).toMatchObject([
      { info: { members: 1 } },
      undefined,
      { info: { members: 2 }, membership: { name: 'ada' } },
    ]);
    expect(views[0]?.membership).toBeUndefined();
  });
}
