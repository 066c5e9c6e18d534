import { expect, test } from 'vitest';
import { CompareOptionError, settingsOf } from '../../src/bench/compare-options.ts';
import { median } from '../../src/bench/figures.ts';
import { reportText, table } from '../../src/bench/report.ts';
import { CONDITIONS, idle, traffic } from './results.ts';

test('the median of an even number is between the two in the middle', () => {
  expect(median([9, 1, 3, 5])).toBe(4);
  expect(median([9, 1, 3])).toBe(3);
  expect(median([])).toBeUndefined();
});

test('a table is as wide as its cells', () => {
  expect(
    table([
      ['', 'a'],
      ['long name', '1,000'],
    ]),
  ).toBe('               a\nlong name  1,000');
});

test('gives the median of the runs that count, and its ratio to the plain of the same adapter', () => {
  const settings = settingsOf({ modes: ['cluster', 'plain-cluster'], scenarios: ['idle'] }, 2);
  const results = [
    idle('cluster', 1, 10),
    idle('cluster', 2, 12),
    idle('cluster', 3, 1_000, ['3 holes']),
    idle('plain-cluster', 1, 22),
  ];
  const text = reportText({ conditions: CONDITIONS, settings, results, isComplete: true });
  expect(text).toMatch(/^cluster +11\.0 \(0\.50×\)/m);
  expect(text).toMatch(/^plain-cluster +22\.0 /m);
  expect(text).toContain('void: cluster idle, run 3: 3 holes');
});

test('a mode without a run that counts shows no number', () => {
  const settings = settingsOf({ modes: ['cluster'], scenarios: ['idle'] }, 2);
  const text = reportText({
    conditions: CONDITIONS,
    settings,
    results: [idle('cluster', 1, 10, ['1 losses'])],
    isComplete: true,
  });
  expect(text).toMatch(/^cluster +void/m);
});

test('says how many posts were refused, and why', () => {
  const settings = settingsOf({ modes: ['cluster'], scenarios: ['flood'] }, 2);
  const whole = traffic('cluster', 'flood', 1_000, 5);
  const reasons = ['unavailable: the store cannot be reached'];
  const results = [{ ...whole, refused: { unavailable: 12 }, checked: { ...whole.checked, reasons } }];
  const text = reportText({ conditions: CONDITIONS, settings, results, isComplete: true });
  expect(text).toContain('12 unavailable');
  expect(text).toContain('cluster flood, run 1: unavailable: the store cannot be reached');
});

test('options that make no sense are refused together, with their values', () => {
  expect(() => settingsOf({ rooms: 500, clients: 400, runs: 0 }, 2)).toThrow(CompareOptionError);
  expect(() => settingsOf({ rooms: 500, clients: 400, runs: 0 }, 2)).toThrow(
    'runs must be at least 1; got 0; rooms (500) must be at most clients (400)',
  );
});
