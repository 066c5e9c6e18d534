import { expect, test } from 'vitest';
import { settingsOf } from '../../src/bench/compare-options.ts';
import { reportPage } from '../../src/bench/page.ts';
import { barChart, lineChart } from '../../src/bench/page-charts.ts';
import { CONDITIONS, idle, outage, traffic } from './results.ts';

const settings = settingsOf({ modes: ['cluster', 'redis', 'plain-cluster', 'plain-redis'] }, 2);
const results = [
  idle('cluster', 1, 10),
  idle('plain-cluster', 1, 40),
  outage('cluster', 'storm', 2_400),
  outage('cluster', 'killed', 1_260),
  traffic('cluster', 'flood', 900, 10),
  traffic('redis', 'flood', 1_800, 10),
  traffic('plain-cluster', 'flood', 100, 200),
  traffic('cluster', 'steady', 500, 3),
  traffic('plain-cluster', 'steady', 500, 2),
  { ...traffic('plain-redis', 'flood', 100, 200), void: ['7 losses'] },
];
const report = {
  conditions: { ...CONDITIONS, cpu: 'a <fast> & "odd" CPU' },
  settings,
  results,
  isComplete: true,
};
const page = reportPage(report, 'chat-server compare --modes "a & b"');

test('the page needs nothing from elsewhere, and shows what came from outside as text', () => {
  expect(page).not.toMatch(/(src|href)=|url\(|@import|<script/);
  expect(page).toContain('a &#60;fast&#62; &#38; &#34;odd&#34; CPU');
  expect(page).toContain('--modes &#34;a &#38; b&#34;');
});

test('its sentences are derived from the figures', () => {
  expect(page).toContain(
    'cluster: under a flood it delivers 9.00× what the plain set-up does; its p99 there is 0.05× plain’s; ' +
      'at a quiet 500 posts a second its p50 is 1.50×',
  );
  expect(page).toContain(
    'cluster: an idle connection takes 10 KB (0.25× plain’s); ' +
      '5,000 clients that were dropped at once had everything again after 2.4 s; ' +
      'after the kill of a worker everybody had everything after 1.3 s.',
  );
  expect(page).toContain('redis delivers 2.00× as much here');
  expect(page).toContain(
    'The plain set-up lost, doubled or reordered messages, or connections, in 1 of its runs.',
  );
});

test('an interrupted comparison and void runs of ours are said first', () => {
  const broken = { ...report, results: [idle('cluster', 1, 10, ['1 holes'])], isComplete: false };
  const text = reportPage(broken, '');
  expect(text).toContain('1 runs of this server do not count');
  expect(text).toContain('It was interrupted');
});

test('a bar is as long as its median, its line goes from the least to the most', () => {
  const chart = barChart(
    't',
    [
      { mode: 'cluster', figure: { median: 50, least: 25, most: 80, ratio: undefined } },
      { mode: 'redis', figure: { median: 100, least: 100, most: 100, ratio: undefined } },
    ],
    String,
  );
  const numbers = (attribute: string) =>
    [...chart.matchAll(new RegExp(` ${attribute}="([\\d.]+)"`, 'g'))].map((match) => Number(match[1]));
  const [short = 0, full = 0] = numbers('width');
  const start = (numbers('x2')[1] ?? 0) - full;
  expect(short).toBeCloseTo(full * 0.5, 0);
  expect((numbers('x1')[0] ?? 0) - start).toBeCloseTo(full * 0.25, 0);
  expect((numbers('x2')[0] ?? 0) - start).toBeCloseTo(full * 0.8, 0);
  expect(barChart('t', [{ mode: 'redis', figure: undefined }], String)).toContain('void');
});

test('ten times the latency is as far up everywhere', () => {
  const chart = lineChart('t', [{ mode: 'cluster', values: [1, 10, 100, 100, 100] }]);
  const points =
    /points="([^"]+)"/
      .exec(chart)?.[1]
      ?.split(' ')
      .map((point) => Number(point.split(',')[1])) ?? [];
  expect((points[0] ?? 0) - (points[1] ?? 0)).toBeCloseTo((points[1] ?? 0) - (points[2] ?? 0), 0);
});
