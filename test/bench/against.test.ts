import { expect, test } from 'vitest';
import { againstRows, againstText } from '../../src/bench/against.ts';
import { CompareOptionError, type Mode, settingsOf } from '../../src/bench/compare-options.ts';
import { prepareBuild } from '../../src/bench/other-build.ts';
import { ratioOf } from '../../src/bench/ratio.ts';
import { CONDITIONS, idle, outage } from './results.ts';

test('a ratio is the geometric mean of the pairs, and its interval Student’s', () => {
  const found = ratioOf([
    [2, 1],
    [1, 2],
    [1, 1],
  ]);
  expect(found?.ratio).toBeCloseTo(1);
  // The logarithms are ln 2, −ln 2 and 0: s = ln 2, t(2) = 4.303.
  expect(found?.high).toBeCloseTo(Math.exp((4.303 * Math.LN2) / Math.sqrt(3)));
  expect(found?.low).toBeCloseTo(1 / (found?.high ?? 0));
});

test('one pair has no interval, and nothing positive no ratio', () => {
  expect(ratioOf([[3, 2]])).toEqual({ ratio: expect.closeTo(1.5), low: 0, high: Infinity, pairs: 1 });
  expect(ratioOf([[0, 2]])).toBeUndefined();
  expect(ratioOf([])).toBeUndefined();
});

/** Runs of this build with `own` KB a connection, each beside one of the other with `other`. */
function report(own: readonly number[], other: readonly number[]) {
  const of = (mode: Mode, sizes: readonly number[]) => sizes.map((kb, i) => idle(mode, i + 1, kb));
  const settings = settingsOf({ modes: ['cluster'], scenarios: ['idle'], against: '/elsewhere' }, 2);
  return {
    conditions: CONDITIONS,
    settings,
    results: [...of('cluster', own), ...of('against-cluster', other)],
    isComplete: true,
  };
}

function verdictOf(own: readonly number[], other: readonly number[]) {
  return againstRows(report(own, other)).find(({ measure }) => measure === 'RSS per connection')?.verdict;
}

test('only what is surely past the tolerance is worse', () => {
  expect(verdictOf([20, 20.1, 20.2], [10, 10, 10.1])).toBe('worse');
  expect(verdictOf([10, 10, 10.1], [20, 20.1, 20.2])).toBe('better');
  expect(verdictOf([10, 10.01, 10.02], [10, 10.01, 10])).toBe('same');
  expect(verdictOf([10, 30, 12], [10, 10, 10])).toBe('unclear');
  // With one pair nothing is sure.
  expect(verdictOf([1_000], [10])).toBe('unclear');
});

test('a pair is one run of each; a void run takes its partner with it', () => {
  const { results, ...rest } = report([10, 10, 10], [20, 20, 20]);
  const [first, ...others] = results;
  const rows = againstRows({
    ...rest,
    results: first === undefined ? [] : [{ ...first, void: ['1 holes'] }, ...others],
  });
  expect(rows.map(({ pairs }) => pairs)).toEqual([2, 2, 2]);
});

test('the table names the other build, the ratio and the interval', () => {
  const text = againstText(report([11, 11, 11], [10, 10, 10]));
  expect(text).toContain('/elsewhere, 95 % intervals, tolerance 5 %');
  expect(text).toMatch(/^cluster idle +RSS per connection +1\.10× +1\.10 – 1\.10 +worse$/m);
});

test('how soon all are back after an outage counts, and what posts wait meanwhile', () => {
  const { results: _, ...rest } = report([], []);
  const rows = againstRows({
    ...rest,
    results: [outage('cluster', 'storm', 600), outage('against-cluster', 'storm', 500)],
  });
  expect(rows.map(({ measure, ratio }) => [measure, ratio.toFixed(1)])).toEqual([
    ['all back', '1.2'],
    ['p99 of posts', '1.2'],
  ]);
});

test('each of our modes gets its other build behind it; a plain one has none', () => {
  const { modes } = settingsOf({ modes: ['plain-cluster', 'redis'], against: 'x' }, 2);
  expect(modes).toEqual(['plain-cluster', 'redis', 'against-redis']);
  expect(() => settingsOf({ modes: ['plain-cluster'], against: 'x' }, 2)).toThrow(CompareOptionError);
});

test('what is no checkout is refused by name', async () => {
  await expect(prepareBuild('/nowhere')).rejects.toThrow('/nowhere has no bin/chat-server.js');
});
