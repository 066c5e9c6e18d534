import { expect, test } from 'vitest';
import { Balance } from '../../src/primary/balance.ts';

const WORKERS = [1, 2, 3, 4];

function assignMany(balance: Balance, count: number, now: number): number[] {
  const counts = new Map<number, number>();
  for (let at = 0; at < count; at += 1) {
    const worker = balance.least(WORKERS, now) ?? 0;
    balance.assign(worker, now);
    counts.set(worker, (counts.get(worker) ?? 0) + 1);
  }
  return [...counts.values()];
}

test('a burst before any report is spread evenly', () => {
  expect(assignMany(new Balance(), 2_000, 0)).toEqual([500, 500, 500, 500]);
});

test('a report turns an assignment into a session and does not count twice', () => {
  const balance = new Balance();
  balance.assign(1, 0);
  balance.opened(1);
  expect(balance.count(1, 0)).toBe(1);
  balance.closed(1);
  expect(balance.count(1, 0)).toBe(0);
});

test('an assignment that no report follows is forgotten after its time', () => {
  const balance = new Balance({ unreportedMs: 1_000 });
  balance.assign(1, 0);
  expect(balance.count(1, 999)).toBe(1);
  expect(balance.count(1, 1_000)).toBe(0);
});

test('a new worker gets clients until it has as many as the others', () => {
  const balance = new Balance();
  for (const worker of [1, 2, 3]) for (let at = 0; at < 5; at += 1) balance.opened(worker);
  for (let at = 0; at < 5; at += 1) {
    expect(balance.least(WORKERS, 0)).toBe(4);
    balance.assign(4, 0);
  }
  expect(assignMany(balance, 8, 0)).toEqual([2, 2, 2, 2]);
});

test('what begins no session takes turns, whatever the workers have', () => {
  const balance = new Balance();
  for (let at = 0; at < 9; at += 1) balance.opened(1);
  expect(
    [1, 2, 3, 4, 5, 6, 7, 8].map(() => balance.next(WORKERS)).sort((a, b) => (a ?? 0) - (b ?? 0)),
  ).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
});

test('without candidates there is no worker', () => {
  expect(new Balance().least([], 0)).toBeUndefined();
  expect(new Balance().next([])).toBeUndefined();
});
