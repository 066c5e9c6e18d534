/** Durable posts acknowledged: rooms of one, so that storing is what is measured. */
import { compareRun, figure } from './compare-run.ts';
import type { Report, Scenario } from './scenario.ts';

const ALONE = ['--scenarios', 'flood', '--clients', '400', '--rooms', '400'];

export const speed5: Scenario = {
  id: 'speed-5',
  title: 'durable posts',
  shortS: 0,
  async run(_size, report) {
    const cluster = await posts(['--modes', 'cluster'], 'cluster', report);
    report.claim('cluster: at least 50,000 posts a second, flushed', cluster >= 50_000, cluster.toFixed(0));
    await posts(['--modes', 'redis', '--redis-fsync', 'always'], 'redis', report);
    await posts(['--modes', 'redis', '--redis-fsync', 'everysec'], 'redis', report);
  },
};

async function posts(args: readonly string[], mode: 'cluster' | 'redis', report: Report): Promise<number> {
  const result = await compareRun([...ALONE, ...args], report);
  const kept = result.results.flatMap((run) => (run.kind === 'traffic' ? run.durabilities : []));
  const { median } = figure(result, mode, 'flood', 'posts/s');
  report.figure(`${args.join(' ')}: posts acknowledged a second (${[...new Set(kept)].join(', ')})`, median);
  return median;
}
