/** Rights: acts on a room and its members, what they leave in the log, and what they end (G14). */
import { expect, test } from 'vitest';
import type { RoomId } from '../../src/chat/identity.ts';
import type { Act, Actor } from '../../src/chat/rights.ts';
import type { Governed, GovernOptions } from '../../src/chat/store-types.ts';
import { messageOf, refusal, seqsOf, upTo, type Scene } from './store-scene.ts';

const OPTIONS: GovernOptions = { maxRoomsPerUser: 100, maxSanctions: 100 };

export function rightsContract(scene: () => Scene): void {
  const govern = (
    here: Scene,
    room: RoomId,
    by: string,
    act: Act,
    options: Partial<GovernOptions> = {},
    store = here.store,
  ): Promise<Governed> => {
    const actor: Actor = by === 'server' ? 'server' : { user: by };
    return store.govern(room, actor, act, { ...OPTIONS, ...options });
  };
  const ban = (user: string): Act => ({ do: 'member', user, banned: true });
  const dataOf = ({ batch }: Governed): unknown[] =>
    (batch?.entries ?? []).map((entry) => messageOf(entry).data);
  const owned = async (here: Scene, kind: 'public' | 'private', ...members: string[]): Promise<RoomId> => {
    const room = here.room(`room-${Math.random()}`);
    await here.create(room, 'owner', kind);
    for (const user of members) await govern(here, room, 'owner', { do: 'member', user });
    return room;
  };

  test('an invitation makes a member of somebody who was never there, from its entry on', async () => {
    const here = scene();
    const room = await owned(here, 'private');
    await here.postMany(room, 'owner', 3);
    const invited = await govern(here, room, 'owner', { do: 'member', user: 'bob', role: 'admin' });
    expect(invited).toMatchObject({
      info: { head: 4, members: 2, kind: 'private' },
      target: { user: 'bob', name: 'bob', role: 'admin' },
      isOther: true,
    });
    expect(dataOf(invited)).toEqual([{ action: 'invited', user: 'bob', by: 'owner', role: 'admin' }]);
    expect(invited.batch?.entries[0]?.system).toEqual({ action: 'invited', user: 'bob' });
    const membership = await here.membership(room, 'bob');
    expect(membership).toMatchObject({ role: 'admin', point: { seq: 3 }, read: 3, unread: 0 });
    expect((await here.store.index(here.user('bob'))).rooms).toEqual([room]);
    const { entries } = await here.log(room);
    expect(seqsOf(entries)).toEqual(upTo(4));
    expect(entries.at(-1)).toEqual(invited.batch?.entries[0]);
    expect(messageOf(entries.at(-1) ?? { json: '{}' })).toMatchObject({ from: 'owner', kind: 'system' });
    expect(await here.join(room, 'bob')).toMatchObject({ isNew: false });
  });

  test('whoever is blocked by somebody cannot invite them; the server can', async () => {
    const here = scene();
    const room = await owned(here, 'private');
    await here.store.block(here.user('bob'), 'owner', true, 10);
    const invite: Act = { do: 'member', user: 'bob' };
    await expect(govern(here, room, 'owner', invite)).rejects.toMatchObject(refusal('forbidden'));
    expect((await here.store.index(here.user('bob'))).rooms).toEqual([]);
    expect(await govern(here, room, 'server', invite)).toMatchObject({ target: { role: 'member' } });
  });

  test('an act that changes nothing does not make the room look newer', async () => {
    const here = scene();
    const room = await owned(here, 'private', 'bob');
    const { lastAt } = (await govern(here, room, 'owner', { do: 'member', user: 'bob' })).info;
    await new Promise((resolve) => setTimeout(resolve, 30));
    const { info } = await govern(here, room, 'owner', { do: 'member', user: 'bob', role: 'member' });
    expect(info.lastAt).toBe(lastAt);
  });

  test('who is removed is no member any more, from that entry on', async () => {
    const here = scene();
    const room = await owned(here, 'private', 'bob');
    await here.useDevice('bob', 'phone');
    const removed = await govern(here, room, 'owner', { do: 'remove', user: 'bob' });
    expect(dataOf(removed)).toEqual([{ action: 'removed', user: 'bob', by: 'owner' }]);
    expect(removed).toMatchObject({ info: { members: 1 }, isOther: true, target: { user: 'bob' } });
    expect(removed.target?.role).toBeUndefined();
    expect(await here.membership(room, 'bob')).toBeUndefined();
    expect((await here.store.index(here.user('bob'))).rooms).toEqual([]);
    const { results } = await here.append(room, [here.draft('bob', 'late')]);
    expect(results).toMatchObject([{ ok: false, code: 'not_found' }]);
    await expect(here.join(room, 'bob')).rejects.toMatchObject(refusal('not_found'));
    await expect(govern(here, room, 'owner', { do: 'remove', user: 'bob' })).rejects.toMatchObject(
      refusal('not_found'),
    );
  });

  test('who was removed or banned is listed no more', async () => {
    const here = scene();
    const room = await owned(here, 'public', 'bob', 'cem', 'dan');
    await govern(here, room, 'owner', { do: 'remove', user: 'bob' });
    await govern(here, room, 'owner', { do: 'member', user: 'cem', banned: true });
    const listed = await here.store.listMembers(room, { user: 'owner' }, undefined, 10);
    expect(listed.items).toEqual([
      { user: 'dan', name: 'dan', role: 'member' },
      { user: 'owner', name: 'owner', role: 'owner' },
    ]);
    expect(await here.store.memberNames(room, undefined, 10)).toEqual(['dan', 'owner']);
  });

  test('who was removed from a public room may come back, from after the removal', async () => {
    const here = scene();
    const room = await owned(here, 'public', 'bob');
    await govern(here, room, 'owner', { do: 'remove', user: 'bob' });
    const { membership } = await here.join(room, 'bob');
    expect(membership.point.seq).toBe(2);
  });

  test('a ban ends the membership, and keeps its user out until it is lifted', async () => {
    const here = scene();
    const room = await owned(here, 'public', 'bob');
    const ban: Act = { do: 'member', user: 'bob', banned: true };
    const banned = await govern(here, room, 'owner', ban);
    expect(dataOf(banned)).toEqual([{ action: 'banned', user: 'bob', by: 'owner' }]);
    expect(banned.target).toEqual({ user: 'bob', name: 'bob', banned: true });
    await expect(here.join(room, 'bob')).rejects.toMatchObject(refusal('banned'));
    expect((await here.store.index(here.user('bob'))).rooms).toEqual([]);
    expect((await govern(here, room, 'owner', ban)).batch).toBeUndefined();
    await expect(govern(here, room, 'owner', { do: 'member', user: 'bob' })).rejects.toMatchObject(
      refusal('conflict'),
    );
    const lifted = await govern(here, room, 'owner', { do: 'member', user: 'bob', banned: false });
    expect(dataOf(lifted)).toEqual([{ action: 'unbanned', user: 'bob', by: 'owner' }]);
    expect(lifted).toMatchObject({ isOther: false, info: { members: 1 } });
    expect(await here.join(room, 'bob')).toMatchObject({ isNew: true });
  });

  test('a ban may end by itself, and says when', async () => {
    const here = scene();
    const room = await owned(here, 'public');
    const until = Date.now() + 60_000;
    await govern(here, room, 'owner', { do: 'member', user: 'bob', banned: true, bannedUntil: until });
    const refused = await here.join(room, 'bob').catch((error: unknown) => error);
    expect(refused).toMatchObject(refusal('banned'));
    const { retryAfterMs } = refused as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    await govern(here, room, 'owner', { do: 'member', user: 'eve', banned: true, bannedUntil: 1 });
    expect(await here.join(room, 'eve')).toMatchObject({ isNew: true });
  });

  test('who is muted is told until when, in each kind of post, and may post after', async () => {
    const here = scene();
    const room = await owned(here, 'public', 'bob');
    const first = here.draft('bob', 'before');
    await here.append(room, [first]);
    const until = Date.now() + 60_000;
    const muted = await govern(here, room, 'owner', { do: 'member', user: 'bob', mutedUntil: until });
    expect(dataOf(muted)).toEqual([{ action: 'muted', user: 'bob', by: 'owner', until }]);
    expect(muted).toMatchObject({ isOther: false, target: { role: 'member', mutedUntil: until } });
    const { results } = await here.append(room, [
      here.draft('bob', 'text'),
      here.reaction('bob'),
      first,
      here.draft('owner', 'mine'),
    ]);
    // What was stored before is told again, whatever came since.
    expect(results).toMatchObject([
      { ok: false, code: 'muted' },
      { ok: false, code: 'muted' },
      { ok: true, duplicate: true },
      { ok: true, duplicate: false },
    ]);
    const [refused] = results;
    expect(refused?.ok === false && refused.retryAfterMs).toBeGreaterThan(50_000);
    expect((await here.store.listMembers(room, { user: 'owner' }, undefined, 10)).items).toEqual([
      { user: 'bob', name: 'bob', role: 'member', mutedUntil: until },
      { user: 'owner', name: 'owner', role: 'owner' },
    ]);
    // Leaving and coming back does not end it.
    await here.store.leave(room, 'bob');
    await here.join(room, 'bob');
    expect((await here.append(room, [here.draft('bob', 'again')])).results).toMatchObject([
      { code: 'muted' },
    ]);
    await govern(here, room, 'owner', { do: 'member', user: 'bob', mutedUntil: 0 });
    expect((await here.append(room, [here.draft('bob', 'at last')])).results).toMatchObject([{ ok: true }]);
  });

  test('a role is changed, and the last owner stays one', async () => {
    const here = scene();
    const room = await owned(here, 'public', 'bob');
    const down: Act = { do: 'member', user: 'owner', role: 'member' };
    await expect(govern(here, room, 'owner', down)).rejects.toMatchObject(refusal('conflict'));
    const up = await govern(here, room, 'owner', { do: 'member', user: 'bob', role: 'owner' });
    expect(dataOf(up)).toEqual([{ action: 'role', user: 'bob', by: 'owner', role: 'owner' }]);
    expect(await here.membership(room, 'bob')).toMatchObject({ role: 'owner', point: { seq: 0 } });
    await govern(here, room, 'owner', down);
    expect(await here.membership(room, 'owner')).toMatchObject({ role: 'member' });
    await expect(here.store.leave(room, 'bob')).rejects.toMatchObject(refusal('conflict'));
    await here.store.leave(room, 'owner');
    await expect(here.store.leave(room, 'bob')).rejects.toMatchObject(refusal('conflict'));
  });

  test('title and kind change by an entry, and the list of public rooms follows', async () => {
    const here = scene();
    const room = await owned(here, 'public');
    const listed = async () => (await here.store.listRooms(here.namespace, undefined, 10)).items;
    expect(await listed()).toHaveLength(1);
    const set = await govern(here, room, 'owner', { do: 'set', title: 'Tea', kind: 'private' });
    expect(dataOf(set)).toEqual([{ action: 'set', by: 'owner', title: 'Tea', kind: 'private' }]);
    expect(set.info).toMatchObject({ title: 'Tea', kind: 'private', head: 1 });
    expect(await listed()).toEqual([]);
    await expect(here.join(room, 'eve')).rejects.toMatchObject(refusal('not_found'));
    expect((await govern(here, room, 'owner', { do: 'set', title: 'Tea' })).batch).toBeUndefined();
    await govern(here, room, 'owner', { do: 'set', kind: 'public' });
    expect(await listed()).toMatchObject([{ title: 'Tea', head: 2 }]);
    expect(await here.join(room, 'eve')).toMatchObject({ isNew: true });
  });

  test('the server may do everything, and signs with no name', async () => {
    const here = scene();
    const room = await here.roomOf('bob');
    const made = await govern(here, room, 'server', { do: 'member', user: 'bob', role: 'owner' });
    expect(dataOf(made)).toEqual([{ action: 'role', user: 'bob', role: 'owner' }]);
    expect(messageOf(made.batch?.entries[0] ?? { json: '{}' }).from).toBe('');
    await govern(here, room, 'server', { do: 'remove', user: 'bob' });
    expect(await here.info(room)).toMatchObject({ members: 0, head: 2 });
  });

  test('acts on a room that does not exist, or by who is no member, are not found', async () => {
    const here = scene();
    const room = await owned(here, 'public', 'bob');
    const act: Act = { do: 'member', user: 'bob', role: 'admin' };
    await expect(govern(here, here.room('nowhere'), 'owner', act)).rejects.toMatchObject(
      refusal('not_found'),
    );
    await expect(govern(here, here.room('nowhere'), 'server', act)).rejects.toMatchObject(
      refusal('not_found'),
    );
    await expect(govern(here, room, 'eve', act)).rejects.toMatchObject(refusal('not_found'));
    await expect(govern(here, room, 'bob', act)).rejects.toMatchObject(refusal('forbidden'));
    expect((await here.info(room)).head).toBe(1);
  });

  test('nobody is taken over the number of rooms, and no room over the number of sanctions', async () => {
    const here = scene();
    const room = await owned(here, 'private');
    await here.roomOf('bob');
    const invite: Act = { do: 'member', user: 'bob' };
    await expect(govern(here, room, 'owner', invite, { maxRoomsPerUser: 1 })).rejects.toMatchObject(
      refusal('too_large'),
    );
    expect(await here.membership(room, 'bob')).toBeUndefined();
    expect((await here.store.index(here.user('bob'))).rooms).toHaveLength(1);
    await govern(here, room, 'owner', ban('x'), { maxSanctions: 1 });
    await expect(govern(here, room, 'owner', ban('y'), { maxSanctions: 1 })).rejects.toMatchObject(
      refusal('too_large'),
    );
    await govern(here, room, 'owner', { do: 'member', user: 'x', banned: false });
    await govern(here, room, 'owner', ban('y'), { maxSanctions: 1 });
    expect((await here.info(room)).head).toBe(3);
  });

  test('what is over makes place in a full room, whoever it was held against', async () => {
    const here = scene();
    const room = await owned(here, 'private', 'muted', 'away');
    const until = Date.now() + 300;
    await govern(here, room, 'owner', { do: 'member', user: 'muted', mutedUntil: until });
    await govern(here, room, 'owner', { do: 'member', user: 'away', banned: true, bannedUntil: until });
    await govern(here, room, 'owner', ban('kept'));
    const full = { maxSanctions: 3 };
    await expect(govern(here, room, 'owner', ban('x'), full)).rejects.toMatchObject(refusal('too_large'));
    // Longer than a room that stays full is left alone.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await govern(here, room, 'owner', ban('x'), full);
    await govern(here, room, 'owner', ban('y'), full);
    await expect(govern(here, room, 'owner', ban('z'), full)).rejects.toMatchObject(refusal('too_large'));
    for (const user of ['kept', 'x', 'y'])
      await expect(here.join(room, user)).rejects.toMatchObject(refusal('banned'));
    await govern(here, room, 'owner', { do: 'member', user: 'away' });
    expect(await here.membership(room, 'away')).toMatchObject({ role: 'member' });
  });

  test('of two acts at once on one member, each is decided on what the other left', async () => {
    const here = scene();
    const other = await here.second();
    for (const _ of upTo(10)) {
      const room = await owned(here, 'public');
      await govern(here, room, 'owner', { do: 'member', user: 'too', role: 'owner' });
      // Two owners who each give up: one of them is the last.
      const outcomes = await Promise.allSettled([
        govern(here, room, 'owner', { do: 'member', user: 'owner', role: 'member' }),
        govern(here, room, 'too', { do: 'member', user: 'too', role: 'member' }, {}, other),
      ]);
      expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
        reason: refusal('conflict'),
      });
    }
  });

  test('a ban beside posts: none of theirs comes after its entry', async () => {
    const here = scene();
    const other = await here.second();
    for (const _ of upTo(10)) {
      const room = await owned(here, 'public', 'bob');
      const posting = Promise.all(upTo(20).map((n) => here.append(room, [here.draft('bob', `${n}`)], other)));
      const ban = await govern(here, room, 'owner', { do: 'member', user: 'bob', banned: true });
      await posting;
      const at = ban.batch?.entries[0]?.seq ?? 0;
      const { entries } = await here.log(room);
      expect(entries.filter((entry) => entry.seq > at)).toEqual([]);
    }
  });
}
