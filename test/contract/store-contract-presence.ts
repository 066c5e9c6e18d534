/** Presence: leases of processes, and what is entered under them. */
import { expect, test } from 'vitest';
import type { UserId } from '../../src/chat/identity.ts';
import type { Here, PresenceEntry, PresenceRecord } from '../../src/chat/presence.ts';
import type { Store } from '../../src/chat/store.ts';
import { upTo, type Scene } from './store-scene.ts';

const TTL_MS = 60_000;

function entryOf(here: Here): PresenceEntry {
  return { here, sockets: 2, since: 1_234_567_890_123 };
}

function plain({ lastSeen, entries }: PresenceRecord) {
  return { lastSeen, entries: Object.fromEntries(entries) };
}

export function presenceContract(scene: () => Scene): void {
  const enter = (
    here: Scene,
    lease: string,
    user: string,
    as: Here | undefined,
    lastSeen = 0,
    store = here.store,
  ) =>
    store.enterPresence(lease, [
      { user: here.user(user), entry: as === undefined ? undefined : entryOf(as), lastSeen },
    ]);
  const read = async (here: Scene, user: string, store: Store = here.store) => {
    const [record] = await store.presence([here.user(user)]);
    if (record === 'unknown') throw new Error('the store does not know');
    return record === undefined ? undefined : plain(record);
  };

  test('of many who are entered in one call each has an entry of their own', async () => {
    const here = scene();
    const lease = await here.store.openLease(TTL_MS);
    await enter(here, lease, 'cem', 'online');
    const records = await here.store.enterPresence(lease, [
      { user: here.user('ada'), entry: entryOf('online'), lastSeen: 0 },
      { user: here.user('bob'), entry: { here: 'away', sockets: 7, since: 70 }, lastSeen: 0 },
      { user: here.user('cem'), entry: undefined, lastSeen: 33 },
    ]);
    const expected = [
      { lastSeen: 0, entries: { [lease]: entryOf('online') } },
      { lastSeen: 0, entries: { [lease]: { here: 'away', sockets: 7, since: 70 } } },
      { lastSeen: 33, entries: {} },
    ];
    expect(records.map(plain)).toEqual(expected);
    for (const [i, user] of ['ada', 'bob', 'cem'].entries())
      expect(await read(here, user)).toEqual(expected[i]);
  });

  test('what is entered under a lease is seen by everybody, until it is taken back', async () => {
    const here = scene();
    const other = await here.second();
    expect(await read(here, 'ada')).toBeUndefined();
    const lease = await here.store.openLease(TTL_MS);
    await enter(here, lease, 'ada', 'online');
    expect(await read(here, 'ada', other)).toEqual({ lastSeen: 0, entries: { [lease]: entryOf('online') } });
    await enter(here, lease, 'ada', 'away');
    expect(await read(here, 'ada', other)).toEqual({ lastSeen: 0, entries: { [lease]: entryOf('away') } });
    const [last] = await enter(here, lease, 'ada', undefined, 77);
    expect(last && plain(last)).toEqual({ lastSeen: 77, entries: {} });
    expect(await read(here, 'ada', other)).toEqual({ lastSeen: 77, entries: {} });
  });

  test('entries of several leases stand beside each other, and last seen never goes back', async () => {
    const here = scene();
    const other = await here.second();
    const [one, two] = [await here.store.openLease(TTL_MS), await other.openLease(TTL_MS)];
    await Promise.all([enter(here, one, 'ada', 'away'), enter(here, two, 'ada', 'online', 0, other)]);
    expect(await read(here, 'ada')).toMatchObject({
      entries: { [one]: entryOf('away'), [two]: entryOf('online') },
    });
    await enter(here, two, 'ada', undefined, 500, other);
    await enter(here, one, 'ada', undefined, 400);
    expect(await read(here, 'ada')).toEqual({ lastSeen: 500, entries: {} });
  });

  test('a lease lives as long as it is renewed, and stays ended', async () => {
    const here = scene();
    const other = await here.second();
    const lease = await here.store.openLease(TTL_MS);
    expect((await other.leases()).alive).toContain(lease);
    expect(await here.store.renewLease(lease, TTL_MS)).toBe(true);
    const since = Date.now();
    await here.store.renewLease(lease, 0);
    for (const store of [here.store, other]) {
      const { alive, ended } = await store.leases();
      expect(alive).not.toContain(lease);
      expect(Math.abs((ended.get(lease) ?? 0) - since)).toBeLessThan(2_000);
    }
    expect(await here.store.renewLease(lease, TTL_MS)).toBe(false);
    expect((await here.store.leases()).alive).not.toContain(lease);
    expect(await here.store.renewLease('never', TTL_MS)).toBe(false);
  });

  test('sweeping takes back what leases entered that ended long enough ago, and nothing else', async () => {
    const here = scene();
    const { signal } = new AbortController();
    const [ended, living] = [await here.store.openLease(TTL_MS), await here.store.openLease(TTL_MS)];
    const users = upTo(1_200).map((n) => `u${n}`);
    await here.store.enterPresence(
      ended,
      users.map((user) => ({ user: here.user(user), entry: entryOf('online'), lastSeen: 0 })),
    );
    await enter(here, living, 'u1', 'away');
    const since = Date.now();
    await here.store.renewLease(ended, 0);
    const gone = new Set<string>();
    const onGone = (user: UserId): void => void gone.add(user);
    await here.store.sweepLeases(60_000, signal, onGone);
    expect(gone.size).toBe(0);
    expect(await read(here, 'u2')).toMatchObject({ entries: { [ended]: entryOf('online') } });
    await here.store.sweepLeases(0, signal, onGone);
    // u1 is elsewhere too.
    expect(gone).toEqual(new Set(users.filter((user) => user !== 'u1').map((user) => here.user(user))));
    expect((await here.store.leases()).ended.has(ended)).toBe(false);
    expect(await read(here, 'u1')).toMatchObject({ entries: { [living]: entryOf('away') } });
    for (const user of ['u2', 'u600', 'u1200']) {
      const record = await read(here, user);
      expect(record?.entries).toEqual({});
      expect(Math.abs((record?.lastSeen ?? 0) - since)).toBeLessThan(2_000);
    }
  });

  test('presence comes in the order asked, and is of one namespace', async () => {
    const here = scene();
    const lease = await here.store.openLease(TTL_MS);
    await enter(here, lease, 'bob', 'online');
    const records = await here.store.presence(['ada', 'bob', 'cem'].map((user) => here.user(user)));
    expect(records).toMatchObject([undefined, { entries: { size: 1 } }, undefined]);
    expect(await read(scene(), 'bob')).toBeUndefined();
  });

  test('the names of a room’s members come in pages', async () => {
    const here = scene();
    const room = await here.roomOf('eve', 'ada', 'dan', 'bob', 'cem');
    const { store } = here;
    expect(await store.memberNames(room, undefined, 2)).toEqual(['ada', 'bob']);
    expect(await store.memberNames(room, 'bob', 2)).toEqual(['cem', 'dan']);
    expect(await store.memberNames(room, 'dan', 2)).toEqual(['eve']);
    expect(await store.memberNames(room, 'eve', 2)).toEqual([]);
    expect(await store.memberNames(here.room('nowhere'), undefined, 2)).toEqual([]);
  });
}
