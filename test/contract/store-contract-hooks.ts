/** Roles that one lease of all has, and up to where receivers of hooks have the logs. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Scene } from './store-scene.ts';

const TTL_MS = 60_000;

export function hookContract(scene: () => Scene): void {
  /** A receiver of this test alone. */
  const registered = async (here: Scene): Promise<string> => {
    const hook = `hook of ${here.namespace}`;
    await here.store.registerHook(hook);
    return hook;
  };

  test('one lease of all has a role, until it ends', async () => {
    const here = scene();
    const other = await here.second();
    const role = `role of ${here.namespace}`;
    const [one, two] = [await here.store.openLease(TTL_MS), await other.openLease(TTL_MS)];
    expect(await here.store.claimRole(role, one)).toBe(true);
    expect(await other.claimRole(role, two)).toBe(false);
    expect(await here.store.claimRole(role, one)).toBe(true);
    expect(await other.claimRole(`another ${role}`, two)).toBe(true);
    await here.store.renewLease(one, 0);
    expect(await other.claimRole(role, two)).toBe(true);
    const three = await here.store.openLease(TTL_MS);
    expect(await here.store.claimRole(role, three)).toBe(false);
  });

  test('of many who claim a role at once one has it', async () => {
    const here = scene();
    const other = await here.second();
    const role = `role of ${here.namespace}`;
    const claims = await Promise.all(
      [here.store, other, here.store, other].map(async (store) =>
        store.claimRole(role, await store.openLease(TTL_MS)),
      ),
    );
    expect(claims.filter(Boolean)).toHaveLength(1);
  });

  test('a receiver is registered once: since when stays, for other handles and after a restart', async () => {
    const here = scene();
    const hook = `hook of ${here.namespace}`;
    const since = await here.store.registerHook(hook);
    expect(Math.abs(since - Date.now())).toBeLessThan(5_000);
    await pause(5);
    expect(await here.store.registerHook(hook)).toBe(since);
    expect(await (await here.second()).registerHook(hook)).toBe(since);
    await here.newLife();
    expect(await here.store.registerHook(hook)).toBe(since);
    expect(await here.store.registerHook(`another ${hook}`)).toBeGreaterThan(since);
  });

  test('each receiver has a place of its own in each room, which others see and a restart keeps', async () => {
    const here = scene();
    const other = await here.second();
    const hook = await registered(here);
    const [tea, milk] = [await here.roomOf('ada'), await here.roomOf('ada')];
    expect(await here.store.hookPlaces(hook, [tea, milk])).toEqual([undefined, undefined]);
    const to = { epoch: await here.epoch(tea), seq: 3 };
    const two = { ...to, seq: 2 };
    await here.store.moveHook(hook, tea, { from: undefined, to: two });
    await here.store.moveHook(hook, tea, { from: two, to });
    // Late ones, of a worker that had the role before.
    for (const from of [undefined, two, { epoch: '', seq: 3 }])
      await here.store.moveHook(hook, tea, { from, to: two });
    expect(await other.hookPlaces(hook, [milk, tea])).toEqual([undefined, to]);
    expect(await other.hookPlaces(`another ${hook}`, [tea])).toEqual([undefined]);
    expect(await other.hookPlaces(hook, [])).toEqual([]);
    await here.newLife();
    expect(await here.store.hookPlaces(hook, [tea, milk])).toEqual([to, undefined]);
  });

  test('a room that is not there, any more, has no place; created again it begins without one', async () => {
    const here = scene();
    const hook = await registered(here);
    const [gone, nowhere] = [await here.roomOf('ada'), here.room('nowhere')];
    const to = { epoch: await here.epoch(gone), seq: 1 };
    await here.store.moveHook(hook, gone, { from: undefined, to });
    await here.store.deleteRoom(gone);
    expect(await here.store.hookPlaces(hook, [gone])).toEqual([undefined]);
    // The page that was being sent when it was deleted.
    for (const room of [gone, nowhere]) await here.store.moveHook(hook, room, { from: undefined, to });
    expect(await here.store.hookPlaces(hook, [gone, nowhere])).toEqual([undefined, undefined]);
    for (const room of [gone, nowhere]) await here.join(room, 'ada');
    expect(await here.store.hookPlaces(hook, [gone, nowhere])).toEqual([undefined, undefined]);
  });
}
