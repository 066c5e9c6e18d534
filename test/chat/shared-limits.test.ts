/** Limits over all workers, spent by each without asking. */
import { expect, test } from 'vitest';
import { SharedLimits, type Limit } from '../../src/chat/shared-limits.ts';
import type { TokenAsk, TokenGrant } from '../../src/chat/store-types.ts';
import { StoreUnavailable } from '../../src/chat/store-unavailable.ts';
import { grantOf } from '../../src/chat/token-share.ts';

/** A store with the rule of the real ones, that counts its calls. */
class Tokens {
  calls = 0;
  isAway = false;
  readonly #used = new Map<string, { used: number; until: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  usedOf(key: string): number | undefined {
    return this.#used.get(key)?.used;
  }

  async takeTokens(asks: readonly TokenAsk[]): Promise<TokenGrant[]> {
    this.calls += 1;
    if (this.isAway) throw new StoreUnavailable('away');
    return asks.map((ask) => {
      let window = this.#used.get(ask.key);
      if (window === undefined || window.until <= this.#now())
        window = { used: 0, until: this.#now() + ask.perMs };
      this.#used.set(ask.key, window);
      const granted = grantOf(ask, window.used);
      window.used = Math.max(0, window.used + (ask.want < 0 ? ask.want : granted));
      return { granted, leftMs: window.until - this.#now() };
    });
  }
}

class Clock {
  time = 1_000;
  readonly now = (): number => this.time;
}

function scene(workers: number) {
  const clock = new Clock();
  const tokens = new Tokens(clock.now);
  const faults: unknown[] = [];
  const limits = Array.from(
    { length: workers },
    () =>
      new SharedLimits(tokens, {
        now: clock.now,
        defer: queueMicrotask,
        maxKeys: 1_000,
        onFault: (error) => faults.push(error),
      }),
  );
  return { clock, tokens, limits, faults };
}

const MINUTE = 60_000;
const per = (count: number, perMs = MINUTE): Limit => ({ name: 'posts', rate: { count, perMs } });

/** Tries in turn at each worker; how many were let through. */
async function tries(limits: readonly SharedLimits[], limit: Limit, number: number): Promise<number> {
  let through = 0;
  for (let i = 0; i < number; i += 1)
    if ((await limits[i % limits.length]?.take(limit, 'ada')) === 0) through += 1;
  return through;
}

test('without a limit nothing is asked', () => {
  const { limits, tokens } = scene(1);
  expect(limits[0]?.take(undefined, 'ada')).toBe(0);
  expect(tokens.calls).toBe(0);
});

test.each([1, 2, 16])(
  'of 1,000 tries at %i workers a limit of 100 lets 90 to 100 through',
  async (workers) => {
    const { limits } = scene(workers);
    const through = await tries(limits, per(100), 1_000);
    expect(through).toBeGreaterThanOrEqual(90);
    expect(through).toBeLessThanOrEqual(100);
  },
);

test.each([1, 16])('a large limit at %i workers is held to a tenth', async (workers) => {
  const { limits } = scene(workers);
  const through = await tries(limits, per(600), 3_000);
  expect(through).toBeGreaterThanOrEqual(540);
  expect(through).toBeLessThanOrEqual(660);
});

test('the common case asks the store for one in many, and waits for none of a large limit', async () => {
  const { limits, tokens } = scene(1);
  const waits: unknown[] = [];
  for (let i = 0; i < 300; i += 1) {
    const taken = limits[0]?.take(per(600), 'ada');
    if (taken !== 0) waits.push(taken);
    await Promise.resolve()
      .then(() => {})
      .then(() => {});
  }
  expect(waits).toEqual([]);
  expect(tokens.calls).toBeLessThan(60);
});

test('of the first few of a large limit the store hears nothing, until there are more', async () => {
  const { limits, tokens, clock } = scene(1);
  await tries(limits, per(3_000), 11);
  expect(tokens.calls).toBe(0);
  await tries(limits, per(3_000), 1);
  expect(tokens.calls).toBe(1);
  // Those of a window that is over count for nothing.
  clock.time += MINUTE;
  await tries(limits, per(3_000), 11);
  expect(tokens.calls).toBe(1);
});

test('those it did not hear of count when it does', async () => {
  const { limits, tokens, clock } = scene(1);
  await tries(limits, per(3_000), 12);
  clock.time += 1_000;
  for (const one of limits) one.tick();
  await Promise.resolve();
  expect(tokens.usedOf('posts|ada')).toBe(12);
});

test('who is over it is told when the window ends, and may again then', async () => {
  const { limits, clock } = scene(2);
  await tries(limits, per(3), 10);
  clock.time += 20_000;
  expect(await limits[0]?.take(per(3), 'ada')).toBe(40_000);
  clock.time += 40_000;
  expect(await tries(limits, per(3), 10)).toBe(3);
});

test('what one worker does not spend is there for the others a second later', async () => {
  const { limits, clock } = scene(16);
  await tries(limits, per(100), 16);
  clock.time += 1_000;
  for (const one of limits) one.tick();
  await Promise.resolve();
  const [first] = limits;
  expect(await tries(first === undefined ? [] : [first], per(100), 200)).toBe(84);
});

test('whoever was told that there is none is told so without a call, for a second', async () => {
  const { limits, tokens } = scene(1);
  await tries(limits, per(2), 5);
  const { calls } = tokens;
  await tries(limits, per(2), 50);
  expect(tokens.calls).toBe(calls);
});

test('whoever was told that there is none gets what others gave back since, a second later', async () => {
  const { limits, clock } = scene(2);
  const [idle, busy] = limits;
  if (idle === undefined || busy === undefined) throw new Error('two workers');
  expect(await idle.take(per(100), 'ada')).toBe(0);
  expect(await tries([busy], per(100), 200)).toBe(97);
  clock.time += 1_000;
  idle.tick();
  await Promise.resolve();
  expect(await tries([busy], per(100), 10)).toBe(2);
});

test('several at once count as several, and more than the limit never goes', async () => {
  const { limits } = scene(1);
  expect(await limits[0]?.take(per(100), 'ada', 60)).toBe(0);
  expect(await limits[0]?.take(per(100), 'ada', 60)).toBe(MINUTE);
  expect(await limits[0]?.take(per(100), 'ada', 30)).toBe(0);
});

test('keys and names stand for themselves', async () => {
  const { limits } = scene(1);
  expect(await limits[0]?.take(per(1), 'ada')).toBe(0);
  expect(await limits[0]?.take(per(1), 'bob')).toBe(0);
  expect(await limits[0]?.take({ ...per(1), name: 'joins' }, 'ada')).toBe(0);
  expect(await limits[0]?.take(per(1), 'ada')).toBe(MINUTE);
});

test('while the store is away a worker limits by itself, and nobody is kept waiting', async () => {
  const { limits, tokens, faults, clock } = scene(1);
  tokens.isAway = true;
  expect(await tries(limits, per(100), 1)).toBe(1);
  tokens.isAway = false;
  clock.time += 1_001;
  expect(await tries(limits, per(100), 200)).toBe(100);
  expect(faults).toEqual([]);
});

test.each([30, 600])('… and lets through what falls to the time: %i a minute', async (count) => {
  const { limits, tokens, clock } = scene(1);
  tokens.isAway = true;
  let [through, lent] = [0, 0];
  for (let second = 0; second < 30; second += 1) {
    through += await tries(limits, per(count), 100);
    for (let i = 0; i < 100; i += 1) if (limits[0]?.takeNow(per(count), 'bob') === 0) lent += 1;
    await new Promise(setImmediate);
    clock.time += 1_001;
  }
  expect(through).toBeGreaterThanOrEqual(count / 2);
  expect(through).toBeLessThan(count * 1.5);
  expect(lent).toBeGreaterThanOrEqual(count / 2);
  // Before it was known that the store is away, once.
  expect(lent).toBeLessThan(count * 3);
});

test('windows that are over are forgotten', async () => {
  const { limits, clock } = scene(1);
  await tries(limits, per(10), 5);
  expect(limits[0]?.size).toBe(1);
  clock.time += MINUTE;
  limits[0]?.tick();
  expect(limits[0]?.size).toBe(0);
});

test('a large limit that is spent lends nobody anything until its window ends', async () => {
  const { limits, clock } = scene(4);
  await tries(limits, per(600), 3_000);
  let through = 0;
  for (let second = 1; second < 50; second += 1) {
    clock.time += 1_000;
    through += await tries(limits, per(600), 40);
  }
  expect(through).toBe(0);
  clock.time += 11_000;
  expect(await tries(limits, per(600), 40)).toBe(40);
});

test.each([30, 600])(
  'of %i, what nobody waits for is lent while the store is asked, and not much more than there is',
  async (count) => {
    const { clock, tokens, limits } = scene(1);
    const [one] = limits;
    if (one === undefined) throw new Error('nobody');
    const limit = per(count);
    let through = 0;
    let told = 0;
    // Two thousand tries, ten at a time before the store can answer, within a few seconds.
    for (let i = 0; i < 200; i += 1) {
      for (let k = 0; k < 10; k += 1) {
        const wait = one.takeNow(limit, 'ada');
        if (wait === 0) through += 1;
        else told = wait;
      }
      clock.time += 20;
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    }
    expect(through).toBeGreaterThanOrEqual(count * 0.9);
    // What came while the last answer was on its way.
    expect(through).toBeLessThanOrEqual(count + 30);
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThanOrEqual(MINUTE);
    expect(tokens.calls).toBeLessThan(count);
  },
);

test('before the store has answered no more is lent than the limit is', () => {
  const [one] = scene(1).limits;
  const waits = Array.from({ length: 100 }, () => one?.takeNow(per(30), 'ada'));
  expect(waits.filter((wait) => wait === 0)).toHaveLength(30);
});

test('whoever was refused what nobody waits for is not lent it again when the store answers', async () => {
  const [one] = scene(1).limits;
  const tryOnce = () => one?.takeNow(per(30), 'ada') ?? 0;
  for (let i = 0; i < 30; i += 1) expect(tryOnce()).toBe(0);
  expect(tryOnce()).toBeGreaterThan(0);
  for (let i = 0; i < 100; i += 1) {
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    expect(tryOnce()).toBeGreaterThan(0);
  }
});

test('of the first few of what nobody waits for the store hears nothing either', async () => {
  const { tokens, limits } = scene(1);
  for (let i = 0; i < 10; i += 1) expect(limits[0]?.takeNow(per(2_560), 'ada')).toBe(0);
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  expect(tokens.calls).toBe(0);
  limits[0]?.takeNow(per(2_560), 'ada');
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  expect(tokens.calls).toBe(1);
});

test('what came to nothing may be taken again, by whoever asks; never more than was taken here in the window', async () => {
  const { limits, clock } = scene(2);
  const [here, there] = limits;
  const limit = per(10);
  for (let i = 0; i < 10; i += 1) expect(await here?.take(limit, 'ada')).toBe(0);
  expect(await here?.take(limit, 'ada')).toBeGreaterThan(0);
  for (let i = 0; i < 20; i += 1) here?.giveBack(limit, 'ada', 1);
  expect(await tries([here as SharedLimits], limit, 4)).toBe(4);
  clock.time += 2_000;
  here?.tick();
  await Promise.resolve();
  expect(await tries([there as SharedLimits], limit, 20)).toBe(6);
  // What comes late is there for others too.
  here?.giveBack(limit, 'ada', 1);
  clock.time += 2_000;
  here?.tick();
  await Promise.resolve();
  expect(await tries([there as SharedLimits], limit, 20)).toBe(1);
  clock.time += MINUTE;
  here?.giveBack(limit, 'ada', 1);
  expect(await tries(limits, limit, 30)).toBe(10);
});
