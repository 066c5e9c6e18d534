/** Growth: what a delivery costs with more clients and more workers, and the primary's part. */
import { compareRun, figure } from './compare-run.ts';
import type { Scenario } from './scenario.ts';

const CLIENTS = ['clients-100', 'clients-1000', 'clients-10000'] as const;
const WORKERS = ['workers-1', 'workers-4', 'workers-8'] as const;
const FLAT = 0.15;
const MAX_PRIMARY_PERCENT = 10;

export const speed8: Scenario = {
  id: 'speed-8',
  title: 'growth',
  shortS: 0,
  async run(_size, report) {
    const result = await compareRun(['--runs', '1', '--scenarios', [...CLIENTS, ...WORKERS].join()], report);
    for (const mode of ['cluster', 'redis'] as const) {
      for (const series of [CLIENTS, WORKERS]) {
        const costs = series.map((scenario) => figure(result, mode, scenario, 'CPU µs/delivery').median);
        const mean = costs.reduce((a, b) => a + b, 0) / costs.length;
        report.claim(
          `${mode}: the cost of a delivery is flat from ${series[0]} to ${series.at(-1)}`,
          costs.every((cost) => Math.abs(cost / mean - 1) <= FLAT),
          costs.map((cost) => cost.toFixed(1)).join(', '),
        );
        const primary = series.map((scenario) => figure(result, mode, scenario, 'primary % of CPU').median);
        report.claim(
          `${mode}: the primary has less than ${MAX_PRIMARY_PERCENT} % of the CPU, ${series[0]} to ${series.at(-1)}`,
          Math.max(...primary) < MAX_PRIMARY_PERCENT,
          primary.map((part) => part.toFixed(1)).join(', '),
        );
      }
    }
  },
};
