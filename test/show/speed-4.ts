/** Many small rooms: 5,000 clients, ten in a room, 1,000 posts a second. */
import { claimRatio, compareRun } from './compare-run.ts';
import type { Scenario } from './scenario.ts';

export const speed4: Scenario = {
  id: 'speed-4',
  title: 'small rooms',
  shortS: 0,
  async run(_size, report) {
    const result = await compareRun(['--scenarios', 'small-rooms'], report);
    for (const mode of ['cluster', 'redis'] as const) {
      claimRatio(report, result, mode, 'small-rooms', 'CPU µs/delivery', { atMost: 1.2 });
      claimRatio(report, result, mode, 'small-rooms', 'p99 ms', { atMost: 1 });
    }
  },
};
