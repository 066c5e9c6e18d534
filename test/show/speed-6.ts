/** Idle connections: memory of 10,000, and 30,000 at once. */
import { compareRun, figure } from './compare-run.ts';
import type { Scenario } from './scenario.ts';

const MAX_KB = 16;

export const speed6: Scenario = {
  id: 'speed-6',
  title: 'idle connections',
  shortS: 0,
  async run(_size, report) {
    const idle = ['--scenarios', 'idle', '--runs', '1'];
    const result = await compareRun([...idle, '--idle-clients', '10000'], report);
    for (const mode of ['cluster', 'redis'] as const) {
      for (const [title, when] of [
        ['RSS KB/connection', 'just after it joined'],
        ['quiet KB/connection', 'once it was quiet'],
      ] as const) {
        const { median } = figure(result, mode, 'idle', title);
        report.claim(
          `${mode}: at most ${MAX_KB} KB for a connection, ${when}`,
          median <= MAX_KB,
          median.toFixed(1),
        );
      }
    }
    await compareRun(
      [...idle, '--modes', 'cluster,redis', '--idle-clients', '30000', '--load-processes', '3'],
      report,
    );
  },
};
