/** Steady: 500 posts a second, whatever the answers; alone, and beside a flooded room. */
import { claimRatio, compareRun, figure } from './compare-run.ts';
import type { Scenario } from './scenario.ts';

const MAX_UNFAIRNESS = 3;

export const speed3: Scenario = {
  id: 'speed-3',
  title: 'steady',
  shortS: 0,
  async run(_size, report) {
    const result = await compareRun(['--scenarios', 'steady,fairness'], report);
    const { flushP50Ms } = result.conditions;
    report.figure('a bare write of 4 KB, flushed, p50 ms', flushP50Ms);
    for (const mode of ['cluster', 'redis'] as const) {
      const { median, ratio = Number.NaN } = figure(result, mode, 'steady', 'p50 ms');
      const plain = figure(result, `plain-${mode}`, 'steady', 'p50 ms').median;
      report.claim(
        `${mode} steady: p50 at most 1.2 × plain, or plain and 1.2 × a bare flushed write`,
        ratio <= 1.2 || median <= plain + 1.2 * flushP50Ms,
        `${median.toFixed(2)} ms, plain ${plain.toFixed(2)} ms`,
      );
      claimRatio(report, result, mode, 'steady', 'p99 ms', { atMost: 1 });
      claimRatio(report, result, mode, 'steady', 'CPU µs/delivery', { atMost: 1 });
      const alone = figure(result, mode, 'steady', 'p99 ms').median;
      const beside = figure(result, mode, 'fairness', 'p99 ms').median;
      report.claim(
        `${mode}: p99 beside a flooded room at most ${MAX_UNFAIRNESS} × alone`,
        beside <= MAX_UNFAIRNESS * alone,
        `${beside.toFixed(2)} ms, alone ${alone.toFixed(2)} ms`,
      );
    }
  },
};
