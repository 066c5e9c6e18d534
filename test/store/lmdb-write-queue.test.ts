/** Which steps share a transaction. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { play } from './played-lmdb.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** A queue whose steps note that they ran. */
function asking() {
  const { played, queue } = play();
  const steps: string[] = [];
  const ask = (name: string, isUrgent = false): Promise<void> =>
    queue.run(() => void steps.push(name), { isUrgent });
  return { played, steps, ask };
}

test('the first step is written at the end of its turn, those that follow it share one 10 ms later', async () => {
  const { played, steps, ask } = asking();
  const first = ask('first');
  await vi.advanceTimersByTimeAsync(0);
  await first;
  expect(played.ways).toHaveLength(1);
  const crowd = [ask('second')];
  await vi.advanceTimersByTimeAsync(4);
  crowd.push(ask('third'));
  await vi.advanceTimersByTimeAsync(4);
  expect(played.ways).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(3);
  await Promise.all(crowd);
  expect(played.ways).toHaveLength(2);
  expect(steps).toEqual(['first', 'second', 'third']);
});

test('an urgent step takes along who waits, in the order asked', async () => {
  const { played, steps, ask } = asking();
  await ask('a post', true);
  const [join, post] = [ask('join'), ask('a post of who joined', true)];
  await Promise.all([join, post]);
  expect(played.ways).toHaveLength(2);
  expect(steps).toEqual(['a post', 'join', 'a post of who joined']);
});

test('of many long steps a transaction takes some, and the others come in turns after it', async () => {
  const { played, queue } = play();
  const order: string[] = [];
  const ask = (name: string): Promise<void> =>
    queue.run(() => {
      vi.advanceTimersByTime(8);
      order.push(name);
    });
  const asked = Promise.all(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(ask));
  setImmediate(() => order.push('somebody else'));
  await vi.advanceTimersByTimeAsync(100);
  await asked;
  expect(order.filter((name) => name.length === 1)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  expect(played.ways).toHaveLength(3);
});
