/** Direct rooms and blocks. */
import { expect, test } from 'vitest';
import { directRoom } from '../../src/chat/identity.ts';
import { messageOf, refusal, upTo, type Scene } from './store-scene.ts';

export function directContract(scene: () => Scene): void {
  const open = (here: Scene, user: string, other: string, store = here.store, maxRoomsPerUser = 100) =>
    store.openDirect(here.room(directRoom(user, other)), user, other, { name: user, maxRoomsPerUser });

  test('it is there for both at once, whoever opens it', async () => {
    const here = scene();
    const room = here.room('dm:ada:bob');
    const opened = await open(here, 'bob', 'ada');
    expect(opened).toMatchObject({
      isNew: true,
      info: { kind: 'direct', members: 2, head: 0 },
      membership: { role: 'member', name: 'bob' },
    });
    expect(await here.membership(room, 'ada')).toMatchObject({ role: 'member', name: 'ada' });
    for (const user of ['ada', 'bob'])
      expect((await here.store.index(here.user(user))).rooms).toEqual([room]);
    await here.post(room, 'bob', 'hello');
    expect(await open(here, 'ada', 'bob')).toMatchObject({ isNew: false, membership: { unread: 1 } });
    await expect(here.join(room, 'eve')).rejects.toMatchObject(refusal('not_found'));
  });

  test('opened from both ends at once it is one room', async () => {
    const here = scene();
    const other = await here.second();
    for (const n of upTo(5)) {
      const opened = await Promise.all([open(here, 'ada', `u${n}`), open(here, `u${n}`, 'ada', other)]);
      expect(opened.filter(({ isNew }) => isNew)).toHaveLength(1);
      expect((await here.info(here.room(directRoom('ada', `u${n}`)))).members).toBe(2);
    }
  });

  test('nothing is changed about it or its members, and nobody leaves it', async () => {
    const here = scene();
    const room = here.room('dm:ada:bob');
    await open(here, 'ada', 'bob');
    const options = { maxRoomsPerUser: 10, maxSanctions: 10 };
    for (const act of [
      { do: 'set', title: 'x' },
      { do: 'member', user: 'eve' },
      { do: 'member', user: 'bob', banned: true },
      { do: 'remove', user: 'bob' },
    ] as const)
      await expect(here.store.govern(room, { user: 'ada' }, act, options)).rejects.toMatchObject(
        refusal('forbidden'),
      );
    await expect(here.store.leave(room, 'ada')).rejects.toMatchObject(refusal('forbidden'));
  });

  test('whom somebody blocks can neither open nor post, until that ends', async () => {
    const here = scene();
    const room = here.room('dm:ada:bob');
    await open(here, 'bob', 'ada');
    await here.store.block(here.user('ada'), 'bob', true, 10);
    await here.store.block(here.user('ada'), 'bob', true, 10);
    await expect(open(here, 'bob', 'ada')).rejects.toMatchObject(refusal('forbidden'));
    const { results } = await here.append(room, [here.draft('bob', 'hello?'), here.draft('ada', 'mine')]);
    expect(results).toMatchObject([
      { ok: false, code: 'forbidden' },
      { ok: true, seq: 1 },
    ]);
    expect(await open(here, 'ada', 'bob')).toMatchObject({ isNew: false });
    await here.store.block(here.user('ada'), 'bob', false, 10);
    expect(await open(here, 'bob', 'ada')).toMatchObject({ isNew: false });
    await here.post(room, 'bob', 'hello');
    expect((await here.log(room)).entries.map((entry) => messageOf(entry).text)).toEqual(['mine', 'hello']);
  });

  test('who was blocked before the room was there is blocked in it', async () => {
    const here = scene();
    const room = here.room('dm:ada:bob');
    await here.store.block(here.user('ada'), 'bob', true, 10);
    await expect(open(here, 'bob', 'ada')).rejects.toMatchObject(refusal('forbidden'));
    expect(await here.store.views('ada', undefined, [room])).toEqual([undefined]);
    await open(here, 'ada', 'bob');
    const { results } = await here.append(room, [here.draft('bob', 'hello?')]);
    expect(results).toMatchObject([{ ok: false, code: 'forbidden' }]);
  });

  test('a block is of one namespace, one user and a bounded number', async () => {
    const here = scene();
    await here.store.block(here.user('ada'), 'bob', true, 2);
    await here.store.block(here.user('ada'), 'cem', true, 2);
    await expect(here.store.block(here.user('ada'), 'dan', true, 2)).rejects.toMatchObject(
      refusal('too_large'),
    );
    await here.store.block(here.user('ada'), 'bob', false, 2);
    await here.store.block(here.user('ada'), 'dan', true, 2);
    await open(here, 'bob', 'ada');
    await open(here, 'cem', 'bob');
    await expect(open(here, 'cem', 'ada')).rejects.toMatchObject(refusal('forbidden'));
  });

  test('a block beside the opening is seen by one of the two', async () => {
    const here = scene();
    const other = await here.second();
    for (const n of upTo(20)) {
      const user = `w${n}`;
      await Promise.allSettled([open(here, user, 'ada'), other.block(here.user('ada'), user, true, 100)]);
      const room = here.room(directRoom('ada', user));
      const [view] = await here.store.views(user, undefined, [room]);
      if (view === undefined) continue;
      const { results } = await here.append(room, [here.draft(user, 'hello?')]);
      expect(results).toMatchObject([{ ok: false, code: 'forbidden' }]);
    }
  });

  test('who is in as many rooms as allowed is not taken over that, on either side', async () => {
    const here = scene();
    await here.roomOf('ada');
    await expect(open(here, 'bob', 'ada', here.store, 1)).rejects.toMatchObject(refusal('too_large'));
    await expect(open(here, 'ada', 'bob', here.store, 1)).rejects.toMatchObject(refusal('too_large'));
    expect(await here.store.views('ada', undefined, [here.room('dm:ada:bob')])).toEqual([undefined]);
    expect((await here.store.index(here.user('bob'))).rooms).toEqual([]);
  });
}
