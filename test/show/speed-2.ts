/** Busy: 160 posts outstanding. */
import { claimRatio, compareRun } from './compare-run.ts';
import type { Scenario } from './scenario.ts';

export const speed2: Scenario = {
  id: 'speed-2',
  title: 'busy',
  shortS: 0,
  async run(_size, report) {
    const result = await compareRun(['--scenarios', 'busy'], report);
    for (const mode of ['cluster', 'redis'] as const) {
      claimRatio(report, result, mode, 'busy', 'deliveries/s', { atLeast: 4 });
      claimRatio(report, result, mode, 'busy', 'p99 ms', { atMost: 0.25 });
    }
  },
};
