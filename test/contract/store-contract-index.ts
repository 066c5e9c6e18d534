/** A user's index of rooms, and its version. */
import { expect, test } from 'vitest';
import { refusal, upTo, type Scene } from './store-scene.ts';

export function indexContract(scene: () => Scene): void {
  test('a user never seen has no rooms, and version 0', async () => {
    const here = scene();
    expect(await here.store.index(here.user('ada'))).toEqual({ version: 0, rooms: [], revokedBefore: 0 });
    expect(await here.store.indexVersions([here.user('ada')])).toEqual([0]);
  });

  test('joining and leaving change the index and raise its version', async () => {
    const here = scene();
    const [red, blue] = [await here.roomOf('ada'), await here.roomOf('ada')];
    const joined = await here.store.index(here.user('ada'));
    expect(joined.rooms.toSorted()).toEqual([red, blue].toSorted());
    expect(joined.version).toBeGreaterThan(0);
    await here.store.leave(red, 'ada');
    const left = await here.store.index(here.user('ada'));
    expect(left.rooms).toEqual([blue]);
    expect(left.version).toBeGreaterThan(joined.version);
    await here.join(red, 'ada');
    const back = await here.store.index(here.user('ada'));
    expect(back.rooms.toSorted()).toEqual([red, blue].toSorted());
    expect(back.version).toBeGreaterThan(left.version);
  });

  test('versions come in the order asked, and are the ones that the indexes have', async () => {
    const here = scene();
    await here.roomOf('ada', 'bob');
    await here.roomOf('bob');
    const versions = await here.store.indexVersions(['bob', 'eve', 'ada'].map((name) => here.user(name)));
    const [bob, ada] = [await here.store.index(here.user('bob')), await here.store.index(here.user('ada'))];
    expect(versions).toEqual([bob.version, 0, ada.version]);
  });

  test('a change is seen at once through every handle', async () => {
    const here = scene();
    const other = await here.second();
    for (const n of upTo(5)) {
      const before = (await other.indexVersions([here.user('ada')]))[0] ?? 0;
      await here.join(here.room(`room-${n}`), 'ada');
      expect((await other.indexVersions([here.user('ada')]))[0]).toBeGreaterThan(before);
      expect((await other.index(here.user('ada'))).rooms).toHaveLength(n);
    }
  });

  test('joins through two handles at once are all in the index', async () => {
    const here = scene();
    const other = await here.second();
    const rooms = upTo(20).map((n) => here.room(`room-${n}`));
    await Promise.all(rooms.map((room, i) => here.join(room, 'ada', {}, i % 2 === 0 ? here.store : other)));
    expect((await here.store.index(here.user('ada'))).rooms.toSorted()).toEqual(rooms.toSorted());
  });

  test('a join that is refused leaves nothing in the index', async () => {
    const here = scene();
    const secret = here.room('secret');
    await here.create(secret, 'ada', 'private');
    await expect(here.join(secret, 'bob')).rejects.toMatchObject(refusal('not_found'));
    await expect(here.join(here.room('nowhere'), 'bob', { create: undefined })).rejects.toMatchObject(
      refusal('not_found'),
    );
    expect((await here.store.index(here.user('bob'))).rooms).toEqual([]);
  });

  test('the same user name in another namespace has an index of its own', async () => {
    const [here, there] = [scene(), scene()];
    const room = await here.roomOf('ada');
    expect((await here.store.index(here.user('ada'))).rooms).toEqual([room]);
    expect(await there.store.index(there.user('ada'))).toEqual({ version: 0, rooms: [], revokedBefore: 0 });
  });

  test('names that begin alike do not run together', async () => {
    const here = scene();
    const [red, blue] = [here.room('a'), here.room('ab')];
    await here.join(red, 'ann');
    await here.join(blue, 'an');
    await here.join(blue, 'anna');
    expect((await here.store.index(here.user('ann'))).rooms).toEqual([red]);
    expect((await here.store.index(here.user('an'))).rooms).toEqual([blue]);
    expect((await here.store.index(here.user('anna'))).rooms).toEqual([blue]);
  });
}
