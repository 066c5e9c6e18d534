/** Rooms that programs create and delete, and what stays of a name. */
import { expect, test } from 'vitest';
import { presentEpoch } from '../../src/chat/position.ts';
import { draft } from '../../src/chat/entry.ts';
import { refusal, seqsOf, textsOf, upTo, type Scene } from './store-scene.ts';

export function deletingContract(scene: () => Scene): void {
  test('a room without members is there, and created once', async () => {
    const here = scene();
    const room = here.room();
    expect(await here.store.createRoom(room, { kind: 'public', title: 'Tea' })).toBe(true);
    expect(await here.store.createRoom(room, { kind: 'private', title: 'x' })).toBe(false);
    expect(await here.info(room)).toMatchObject({
      kind: 'public',
      title: 'Tea',
      members: 0,
      head: 0,
      first: 1,
    });
    expect((await here.store.listRooms(here.namespace, undefined, 10)).items).toMatchObject([
      { title: 'Tea' },
    ]);
    expect((await here.join(room, 'ada')).membership.role).toBe('member');
    await expect(here.create(room, 'bob', 'public')).rejects.toMatchObject(refusal('conflict'));
    const hidden = here.room('hidden');
    await here.store.createRoom(hidden, { kind: 'private', title: '' });
    expect((await here.store.listRooms(here.namespace, undefined, 10)).items).toHaveLength(1);
  });

  test('a room that was deleted is none, for members and everybody else', async () => {
    const here = scene();
    const other = await here.second();
    const room = await here.roomOf('ada', 'bob');
    await here.post(room, 'ada', 'one', 'two');
    await here.store.deleteRoom(room);
    for (const store of [here.store, other]) {
      expect(await store.views('ada', undefined, [room])).toEqual([undefined]);
      expect(await store.heads([room])).toEqual([undefined]);
      await expect(here.log(room, store)).rejects.toMatchObject(refusal('not_found'));
      expect(await store.memberNames(room, undefined, 10)).toEqual([]);
    }
    const { results } = await here.append(room, [here.draft('ada', 'late')]);
    expect(results).toMatchObject([{ ok: false, code: 'not_found' }]);
    for (const user of ['ada', 'bob']) expect((await here.store.index(here.user(user))).rooms).toEqual([]);
    expect((await here.store.listRooms(here.namespace, undefined, 10)).items).toEqual([]);
    await expect(here.store.deleteRoom(room)).rejects.toMatchObject(refusal('not_found'));
    await expect(here.store.deleteRoom(here.room('nowhere'))).rejects.toMatchObject(refusal('not_found'));
  });

  test('created again it goes on counting in a new epoch, with nothing before', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    const sent = draft('ada', 'the id', 'text', { text: 'one' });
    await here.append(room, [sent, here.draft('ada', 'two')]);
    await here.store.govern(
      room,
      'server',
      { do: 'member', user: 'eve', banned: true },
      {
        maxRoomsPerUser: 10,
        maxSanctions: 10,
      },
    );
    const before = await here.info(room);
    await here.store.deleteRoom(room);
    const { info, membership } = await here.join(room, 'ada', {
      create: { kind: 'private', title: 'New', role: 'owner' },
    });
    expect(info).toMatchObject({ kind: 'private', title: 'New', head: 3, first: 4, members: 1 });
    expect(presentEpoch(info.chain)).not.toBe(presentEpoch(before.chain));
    expect(info.chain).toEqual([...before.chain, { epoch: presentEpoch(info.chain), base: 3 }]);
    expect(membership).toMatchObject({ role: 'owner', point: { seq: 3 }, read: 3, unread: 0 });
    // An id of before counts no more, nor does a ban.
    const { results } = await here.append(room, [sent]);
    expect(results).toMatchObject([{ ok: true, seq: 4, duplicate: false }]);
    const page = await here.log(room);
    expect([seqsOf(page.entries), textsOf(page.entries)]).toEqual([[4], ['one']]);
    const old = await here.page(room, { epoch: presentEpoch(before.chain), seq: 1 });
    expect(old).toMatchObject({ losses: [{ from: 2, to: 3, reason: 'retention' }], start: { seq: 3 } });
    await here.store.govern(
      room,
      'server',
      { do: 'member', user: 'eve' },
      { maxRoomsPerUser: 10, maxSanctions: 10 },
    );
    expect(await here.unread(room, 'ada')).toBe(0);
  });

  test('many members and entries go with it', async () => {
    const here = scene();
    const users = upTo(700).map((n) => `u${n}`);
    const room = here.room();
    await Promise.all(users.map((user) => here.join(room, user)));
    await here.postMany(room, 'u1', 1_500);
    await here.store.deleteRoom(room);
    for (const user of ['u1', 'u350', 'u700']) {
      expect((await here.store.index(here.user(user))).rooms).toEqual([]);
    }
    const { info } = await here.join(room, 'u2');
    expect(info).toMatchObject({ members: 1, head: 1_500, first: 1_501 });
    expect((await here.log(room)).entries).toEqual([]);
  });

  test('an index that has a room that is not there is mended, and one that is there stays', async () => {
    const here = scene();
    const [gone, stays] = [await here.roomOf('ada'), await here.roomOf('ada')];
    await here.store.deleteRoom(gone);
    await here.store.recheckIndex(here.user('ada'), [gone, stays]);
    expect((await here.store.index(here.user('ada'))).rooms).toEqual([stays]);
  });

  test('a user’s devices come with their last use, the newest first', async () => {
    const here = scene();
    expect(await here.store.devices(here.user('ada'))).toEqual([]);
    await here.useDevice('ada', 'phone');
    await new Promise((resolve) => setTimeout(resolve, 5));
    await here.useDevice('ada', 'desk');
    const devices = await here.store.devices(here.user('ada'));
    expect(devices.map(({ device }) => device)).toEqual(['desk', 'phone']);
    for (const { usedAt } of devices) expect(Math.abs(usedAt - Date.now())).toBeLessThan(5_000);
  });
}
