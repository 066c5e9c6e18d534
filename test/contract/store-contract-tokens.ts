/** Shared limits: so many tokens in a window, whoever asks. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Store } from '../../src/chat/store.ts';
import type { TokenAsk } from '../../src/chat/store-types.ts';
import { upTo, type Scene } from './store-scene.ts';

const PER_MS = 60_000;

export function tokenContract(scene: () => Scene): void {
  const take = async (here: Scene, ask: Partial<TokenAsk>, store: Store = here.store) => {
    const whole = { key: `k|${here.namespace}`, want: 1, least: 1, count: 100, perMs: PER_MS, ...ask };
    const [grant] = await store.takeTokens([whole]);
    if (grant === undefined) throw new Error('no grant');
    return grant;
  };

  test('a window begins with the first, and has so many', async () => {
    const here = scene();
    const first = await take(here, { want: 60, least: 60 });
    expect(first).toEqual({ granted: 60, leftMs: PER_MS });
    const second = await take(here, { want: 40, least: 40 });
    expect(second.granted).toBe(40);
    expect(second.leftMs).toBeLessThanOrEqual(PER_MS);
    expect(await take(here, {})).toMatchObject({ granted: 0 });
  });

  test('fewer than are needed are none', async () => {
    const here = scene();
    await take(here, { want: 98, least: 98 });
    expect((await take(here, { want: 5, least: 3 })).granted).toBe(0);
    expect((await take(here, { want: 5, least: 2 })).granted).toBe(2);
  });

  test('of a rest one asker gets a part, so that others get some', async () => {
    const here = scene();
    expect((await take(here, { want: 50 })).granted).toBe(6);
    await take(here, { want: 78, least: 78 });
    expect((await take(here, { want: 50 })).granted).toBe(1);
  });

  test('what is given back can be had again, and no more than there was', async () => {
    const here = scene();
    await take(here, { want: 100, least: 100 });
    expect(await take(here, { want: -30, least: 0 })).toMatchObject({ granted: 0 });
    expect((await take(here, { want: 30, least: 30 })).granted).toBe(30);
    await take(here, { want: -500, least: 0 });
    expect((await take(here, { want: 101, least: 101 })).granted).toBe(0);
    expect((await take(here, { want: 100, least: 100 })).granted).toBe(100);
  });

  test('a window ends, and the next begins with what is taken then', async () => {
    const here = scene();
    const ask = { count: 2, perMs: 300 };
    await take(here, { ...ask, want: 2, least: 2 });
    const { granted, leftMs } = await take(here, ask);
    expect(granted).toBe(0);
    await pause(leftMs + 20);
    expect(await take(here, ask)).toEqual({ granted: 1, leftMs: 300 });
  });

  test('a window is not prolonged by what is taken or given back later', async () => {
    const here = scene();
    await take(here, {});
    for (const want of [1, -1]) {
      await pause(30);
      await take(here, { want });
    }
    expect((await take(here, {})).leftMs).toBeLessThanOrEqual(PER_MS - 50);
  });

  test('a sweep leaves a window that runs', async () => {
    const here = scene();
    await take(here, { want: 100, least: 100 });
    await here.store.sweepLeases(PER_MS, new AbortController().signal, () => {});
    expect((await take(here, {})).granted).toBe(0);
  });

  test('whoever asks at once through two handles, no more are granted than there are', async () => {
    const here = scene();
    const other = await here.second();
    const grants = await Promise.all(upTo(200).map((n) => take(here, {}, n % 2 === 0 ? here.store : other)));
    expect(grants.reduce((sum, { granted }) => sum + granted, 0)).toBe(100);
  });

  test('keys stand for themselves; several are asked for in one call', async () => {
    const here = scene();
    const ask = (key: string): TokenAsk => ({
      key: `${key}|${here.namespace}`,
      want: 1,
      least: 1,
      count: 1,
      perMs: PER_MS,
    });
    const grants = await here.store.takeTokens([ask('a'), ask('b'), ask('a')]);
    expect(grants.map(({ granted }) => granted)).toEqual([1, 1, 0]);
  });
}
