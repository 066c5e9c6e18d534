/** Flood: 8,000 posts outstanding. */
import { claimRatio, compareRun } from './compare-run.ts';
import type { Scenario } from './scenario.ts';

export const speed1: Scenario = {
  id: 'speed-1',
  title: 'flood',
  shortS: 0,
  async run(_size, report) {
    const result = await compareRun(['--scenarios', 'flood'], report);
    claimRatio(report, result, 'cluster', 'flood', 'deliveries/s', { atLeast: 15 });
    claimRatio(report, result, 'redis', 'flood', 'deliveries/s', { atLeast: 20 });
    for (const mode of ['cluster', 'redis'] as const)
      claimRatio(report, result, mode, 'flood', 'p99 ms', { atMost: 0.1 });
  },
};
