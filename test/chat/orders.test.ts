/** Orders: what was read is good for a second, and nobody is forgotten. */
import { expect, test } from 'vitest';
import { userId } from '../../src/chat/identity.ts';
import { OrderWatch, type Order, type OrderPage } from '../../src/chat/orders.ts';
import { StoreUnavailable } from '../../src/chat/store-unavailable.ts';

const ADA = userId('/', 'ada');

function scene() {
  const clock = { time: 0 };
  const timers: (() => void)[] = [];
  const seen: (Order | 'gap')[] = [];
  const asked: (string | undefined)[] = [];
  let next: () => OrderPage = () => ({ orders: [], last: '0', isGap: false });
  const watch = new OrderWatch(
    {
      orders: async (after) => {
        asked.push(after);
        return next();
      },
    },
    {
      now: () => clock.time,
      after: (_, task) => timers.push(task),
      onOrder: (order) => seen.push(order),
      onGap: () => seen.push('gap'),
    },
  );
  return { timers, clock, seen, asked, watch, answer: (page: () => OrderPage) => (next = page) };
}

const order: Order = { do: 'revoke', user: ADA, at: 5 };

test('nothing is good before the list was read, and a second after', async () => {
  const { clock, watch } = scene();
  expect(watch.isGood()).toBe(false);
  await watch.look();
  expect(watch.isGood()).toBe(true);
  clock.time = 999;
  expect(watch.isGood()).toBe(true);
  clock.time = 1_000;
  expect(watch.isGood()).toBe(false);
});

test('what waits goes on, once, when the list was read', async () => {
  const { clock, watch } = scene();
  let runs = 0;
  watch.whenGood(() => (runs += 1));
  expect(runs).toBe(0);
  await watch.look();
  expect(runs).toBe(1);
  clock.time = 100;
  await watch.look();
  expect(runs).toBe(1);
  watch.whenGood(() => (runs += 1));
  expect(runs).toBe(2);
});

test('orders are obeyed before anything that waited for them', async () => {
  const { clock, seen, watch, answer, asked } = scene();
  await watch.look();
  clock.time = 5_000;
  answer(() => ({ orders: [order], last: '7', isGap: false }));
  const seenBefore: unknown[] = [];
  watch.whenGood(() => seenBefore.push(...seen));
  await watch.look();
  expect(seenBefore).toEqual(['gap', order]);
  await watch.look();
  expect(asked).toEqual([undefined, '0', '7']);
});

test('an answer that took too long is good for nothing', async () => {
  const { clock, watch, answer } = scene();
  answer(() => {
    clock.time += 1_500;
    return { orders: [], last: '0', isGap: false };
  });
  await watch.look();
  expect(watch.isGood()).toBe(false);
});

test('while the store is away nothing becomes good, and nothing is forgotten', async () => {
  const { seen, watch, answer } = scene();
  await watch.look();
  answer(() => {
    throw new StoreUnavailable('away');
  });
  await expect(watch.look()).rejects.toThrow('away');
  answer(() => ({ orders: [order], last: '1', isGap: true }));
  await watch.look();
  expect(seen).toEqual(['gap', 'gap', order]);
});

test('the first answer says nothing of orders before it: whoever came meanwhile comes back', async () => {
  const { seen, watch, answer } = scene();
  answer(() => {
    throw new StoreUnavailable('away');
  });
  await expect(watch.look()).rejects.toThrow('away');
  expect(seen).toEqual([]);
  answer(() => ({ orders: [], last: '7', isGap: false }));
  await Promise.all([watch.look(), watch.look()]);
  expect(seen).toEqual(['gap']);
});

test('whoever asks for entries waits for the next look, or is told that it is not known', async () => {
  const { clock, timers, watch } = scene();
  await watch.look();
  expect(watch.confirmed()).toBeUndefined();
  clock.time = 1_500;
  let isConfirmed = false;
  const waiting = watch.confirmed()?.then(() => (isConfirmed = true));
  await Promise.resolve();
  expect(isConfirmed).toBe(false);
  await watch.look();
  await waiting;
  expect(isConfirmed).toBe(true);
  clock.time = 5_000;
  const late = watch.confirmed();
  timers.at(-1)?.();
  await expect(late).rejects.toBeInstanceOf(StoreUnavailable);
});
