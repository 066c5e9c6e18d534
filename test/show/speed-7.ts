/** Connections accepted, and 5,000 clients that are dropped at once. */
import { claimRatio, compareRun, figure } from './compare-run.ts';
import type { Scenario } from './scenario.ts';

export const speed7: Scenario = {
  id: 'speed-7',
  title: 'connections, and a storm of reconnections',
  shortS: 0,
  async run(_size, report) {
    const result = await compareRun(['--scenarios', 'burst,storm'], report);
    for (const mode of ['cluster', 'redis'] as const) {
      claimRatio(report, result, mode, 'burst', 'connections/s', { atLeast: 1 });
      const { most } = figure(result, mode, 'storm', 'all back ms');
      report.claim(
        `${mode} storm: all back and caught up within 15 s`,
        most < 15_000,
        `${most.toFixed(0)} ms`,
      );
      const { median } = figure(result, mode, 'storm', 'post p99 ms');
      report.claim(`${mode} storm: posts go on, p99 below 500 ms`, median < 500, `${median.toFixed(0)} ms`);
    }
  },
};
