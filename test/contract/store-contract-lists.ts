/** Lists: public rooms and members, in pages. */
import { expect, test } from 'vitest';
import type { RoomId } from '../../src/chat/identity.ts';
import type { ListPage } from '../../src/chat/store-types.ts';
import { refusal, upTo, type Scene } from './store-scene.ts';

/** All items, page by page; fails on a page over its limit and on a list without end. */
async function drain<T>(
  limit: number,
  read: (cursor: string | undefined) => Promise<ListPage<T>>,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < 50; pages += 1) {
    const page = await read(cursor);
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    ({ cursor } = page);
    if (cursor === undefined) return items;
  }
  throw new Error('a list without end');
}

export function listContract(scene: () => Scene): void {
  test('public rooms are listed by name, with title, members and head', async () => {
    const here = scene();
    await here.create(here.room('tea'), 'ada', 'public', 'Tea');
    await here.join(here.room('coffee'), 'ada');
    await here.join(here.room('coffee'), 'bob');
    await here.postMany(here.room('coffee'), 'bob', 3);
    expect(await here.store.listRooms(here.namespace, undefined, 10)).toEqual({
      items: [
        { room: 'coffee', title: '', members: 2, head: 3 },
        { room: 'tea', title: 'Tea', members: 1, head: 0 },
      ],
      cursor: undefined,
    });
  });

  test('private and direct rooms are not listed', async () => {
    const here = scene();
    await here.create(here.room('secret'), 'ada', 'private');
    await here.create(here.room('dm:ada:bob'), 'ada', 'direct');
    await here.join(here.room('open'), 'ada');
    const { items } = await here.store.listRooms(here.namespace, undefined, 10);
    expect(items.map(({ room }) => room)).toEqual(['open']);
  });

  test('a room that is made private is listed no more; made public, or anew, it is again', async () => {
    const here = scene();
    const names = async () =>
      (await here.store.listRooms(here.namespace, undefined, 10)).items.map(({ room }) => room);
    const [room, other] = [here.room('a'), here.room('b')];
    await here.create(room, 'ada', 'public');
    await here.create(other, 'ada', 'private');
    const set = (of: RoomId, kind: 'public' | 'private') =>
      here.store.govern(of, { user: 'ada' }, { do: 'set', kind }, { maxRoomsPerUser: 100, maxSanctions: 10 });
    await set(room, 'private');
    expect(await names()).toEqual([]);
    await set(other, 'public');
    await set(room, 'public');
    expect(await names()).toEqual(['a', 'b']);
    await here.store.deleteRoom(room);
    expect(await names()).toEqual(['b']);
    await here.create(room, 'ada', 'private');
    expect(await names()).toEqual(['b']);
  });

  test.each([1, 3, 7, 20])('rooms in pages of %i are all listed, once and in byte order', async (limit) => {
    const here = scene();
    // Direct rooms lie between dm. and dn.
    const names = ['B', 'a', 'a-', 'a.b', 'aa', 'dl', 'dm', 'dm-', 'dm.z', 'dn', 'Z_', 'z', '0'];
    for (const name of names) await here.join(here.room(name), 'ada');
    await here.create(here.room('b-secret'), 'ada', 'private');
    for (const other of ['bob', 'cem']) await here.create(here.room(`dm:ada:${other}`), 'ada', 'direct');
    const rooms = await drain(limit, (cursor) => here.store.listRooms(here.namespace, cursor, limit));
    expect(rooms.map(({ room }) => room)).toEqual(names.toSorted());
  });

  test('rooms of another namespace are not listed, whatever its name', async () => {
    const [here, there] = [scene(), scene()];
    await here.join(here.room('here'), 'ada');
    await there.join(there.room('there'), 'ada');
    const longer = `${here.namespace}-more`;
    expect((await here.store.listRooms(here.namespace, undefined, 10)).items).toHaveLength(1);
    expect(await here.store.listRooms(longer, undefined, 10)).toEqual({ items: [], cursor: undefined });
    expect((await here.store.listRooms('/', undefined, 1_000)).items.map(({ room }) => room)).not.toContain(
      'here',
    );
  });

  test('members are listed by user, with name and role', async () => {
    const here = scene();
    const room = here.room();
    await here.create(room, 'eve', 'public');
    await here.join(room, 'ada', { name: 'Ada L.' });
    expect(await here.store.listMembers(room, { user: 'ada' }, undefined, 10)).toEqual({
      items: [
        { user: 'ada', name: 'Ada L.', role: 'member' },
        { user: 'eve', name: 'eve', role: 'owner' },
      ],
      cursor: undefined,
    });
  });

  test.each([1, 4, 30])('members in pages of %i are all listed, once and in byte order', async (limit) => {
    const here = scene();
    const users = [...upTo(12).map((n) => `user-${n}`), 'A', 'a', 'a@b', 'user'];
    const room = await here.roomOf(...users);
    await here.roomOf('zoe');
    const members = await drain(limit, (cursor) =>
      here.store.listMembers(room, { user: 'A' }, cursor, limit),
    );
    expect(members.map(({ user }) => user)).toEqual(users.toSorted());
  });

  test('who left is not listed', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.store.leave(room, 'bob');
    const { items } = await here.store.listMembers(room, { user: 'ada' }, undefined, 10);
    expect(items.map(({ user }) => user)).toEqual(['ada']);
  });

  test('members are listed for members alone', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await expect(here.store.listMembers(room, { user: 'bob' }, undefined, 10)).rejects.toMatchObject(
      refusal('not_found'),
    );
    await expect(
      here.store.listMembers(here.room('nowhere'), { user: 'ada' }, undefined, 10),
    ).rejects.toMatchObject(refusal('not_found'));
  });
}
