/** Orders to end connections: a list that every process reads. */
import { expect, test } from 'vitest';
import type { Scene } from './store-scene.ts';

export function orderContract(scene: () => Scene): void {
  test('whoever asks from where the list ended gets what came since, in order, once', async () => {
    const here = scene();
    const other = await here.second();
    const start = await here.store.orders(undefined);
    expect(start).toMatchObject({ orders: [], isGap: false });
    const since = Date.now();
    await here.store.giveOrder('disconnect', here.user('ada'));
    await other.giveOrder('revoke', here.user('bob'));
    const mine = (orders: readonly { readonly user: string }[]) =>
      orders.filter(({ user }) => user.startsWith(here.namespace));
    for (const store of [here.store, other]) {
      const page = await store.orders(start.last);
      expect(mine(page.orders)).toMatchObject([
        { do: 'disconnect', user: here.user('ada') },
        { do: 'revoke', user: here.user('bob') },
      ]);
      for (const { at } of page.orders) expect(Math.abs(at - since)).toBeLessThan(5_000);
      expect(page.isGap).toBe(false);
      expect(mine((await store.orders(page.last)).orders)).toEqual([]);
    }
  });

  test('a revocation holds for whoever comes later, and only for that user', async () => {
    const here = scene();
    const since = Date.now();
    expect((await here.store.index(here.user('ada'))).revokedBefore).toBe(0);
    await here.store.giveOrder('disconnect', here.user('ada'));
    expect((await here.store.index(here.user('ada'))).revokedBefore).toBe(0);
    await here.store.giveOrder('revoke', here.user('ada'));
    const { revokedBefore } = await here.store.index(here.user('ada'));
    expect(Math.abs(revokedBefore - since)).toBeLessThan(5_000);
    expect((await here.store.index(here.user('bob'))).revokedBefore).toBe(0);
    // Joining and leaving do not end it.
    await here.join(here.room(), 'ada');
    expect((await here.store.index(here.user('ada'))).revokedBefore).toBe(revokedBefore);
  });

  test('more orders than are kept are a gap for whoever missed them', async () => {
    const here = scene();
    const { last } = await here.store.orders(undefined);
    for (let at = 0; at < 10_100; at += 100)
      await Promise.all(
        Array.from({ length: 100 }, () => here.store.giveOrder('disconnect', here.user('ada'))),
      );
    const page = await here.store.orders(last);
    expect(page.isGap).toBe(true);
    expect((await here.store.orders(page.last)).isGap).toBe(false);
  });
}
