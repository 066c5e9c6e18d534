/**
 * This build against another one of the same server, run beside it: what became better, what
 * worse, and how sure that is.
 */
import {
  type AgainstMode,
  isFixedRate,
  isOurs,
  type OurMode,
  SCENARIOS,
  type Scenario,
} from './compare-options.ts';
import { cpuMsPerConnection } from './figures.ts';
import { type Ratio, ratioOf } from './ratio.ts';
import { type CompareReport, table } from './report.ts';
import type { ScenarioResult } from './scenario-result.ts';

interface Measure {
  readonly title: string;
  readonly isMoreBetter: boolean;
  /** Undefined where a scenario does not have it. */
  readonly of: (result: ScenarioResult) => number | undefined;
}

const MEASURES: readonly Measure[] = [
  {
    title: 'deliveries/s',
    isMoreBetter: true,
    of: (r) => (r.kind === 'traffic' && !isFixedRate(r.scenario) ? r.deliveriesPerSecond : undefined),
  },
  { title: 'p50', isMoreBetter: false, of: (r) => (r.kind === 'traffic' ? r.delivery.p50Ms : undefined) },
  { title: 'p99', isMoreBetter: false, of: (r) => (r.kind === 'traffic' ? r.delivery.p99Ms : undefined) },
  {
    title: 'CPU per delivery',
    isMoreBetter: false,
    of: (r) => (r.kind === 'traffic' ? r.cpuMicrosPerDelivery : undefined),
  },
  {
    title: 'RSS per connection',
    isMoreBetter: false,
    of: (r) => (r.kind === 'idle' ? r.bytesPerConnection : undefined),
  },
  {
    title: 'RSS per connection, quiet',
    isMoreBetter: false,
    of: (r) => (r.kind === 'idle' ? r.quietBytesPerConnection : undefined),
  },
  {
    title: 'connections/s',
    isMoreBetter: true,
    of: (r) => (r.kind === 'idle' || r.kind === 'burst' ? r.connectionsPerSecond : undefined),
  },
  {
    title: 'CPU per connection',
    isMoreBetter: false,
    of: (r) => (r.kind === 'burst' ? cpuMsPerConnection(r) : undefined),
  },
  {
    title: 'all back',
    isMoreBetter: false,
    of: (r) => (r.kind === 'outage' ? r.recovery.maxMs : undefined),
  },
  {
    title: 'p99 of posts',
    isMoreBetter: false,
    of: (r) => (r.kind === 'outage' ? r.ack.p99Ms : undefined),
  },
];

/** `unclear`: the interval reaches past the tolerance and back. */
export type Verdict = 'better' | 'same' | 'worse' | 'unclear';

export interface AgainstRow extends Ratio {
  readonly mode: OurMode;
  readonly scenario: Scenario;
  readonly measure: string;
  readonly verdict: Verdict;
}

export function againstOf(mode: OurMode): AgainstMode {
  return `against-${mode}`;
}

/** Every measure of every scenario that both builds have; a pair is one run of each. */
export function againstRows({ settings, results }: CompareReport): AgainstRow[] {
  const counted = results.filter((result) => result.void.length === 0);
  const rows: AgainstRow[] = [];
  for (const mode of settings.modes.filter(isOurs)) {
    for (const scenario of SCENARIOS) {
      const own = counted.filter((r) => r.mode === mode && r.scenario === scenario);
      for (const { title, isMoreBetter, of } of MEASURES) {
        const pairs = own.flatMap((result): (readonly [number, number])[] => {
          const other = counted.find(
            (r) => r.mode === againstOf(mode) && r.scenario === scenario && r.run === result.run,
          );
          const [value, base] = [of(result), other && of(other)];
          return value === undefined || base === undefined ? [] : [[value, base]];
        });
        const ratio = ratioOf(pairs);
        if (ratio === undefined) continue;
        rows.push({
          ...ratio,
          mode,
          scenario,
          measure: title,
          verdict: verdictOf(ratio, isMoreBetter, settings.tolerance),
        });
      }
    }
  }
  return rows;
}

function verdictOf({ low, high }: Ratio, isMoreBetter: boolean, tolerance: number): Verdict {
  const [less, more] = [1 - tolerance, 1 + tolerance];
  if (high < less) return isMoreBetter ? 'worse' : 'better';
  if (low > more) return isMoreBetter ? 'better' : 'worse';
  return low >= less && high <= more ? 'same' : 'unclear';
}

export function againstText(report: CompareReport): string {
  const { against, tolerance } = report.settings;
  const rows = againstRows(report).map((row) => [
    `${row.mode} ${row.scenario}`,
    row.measure,
    `${row.ratio.toFixed(2)}×`,
    row.pairs === 1 ? 'one pair' : `${row.low.toFixed(2)} – ${row.high.toFixed(2)}`,
    row.verdict,
  ]);
  const title = `this build as a ratio to ${against}, 95 % intervals, tolerance ${Math.round(tolerance * 100)} %`;
  return `${title}\n${table([['', 'measure', 'ratio', 'interval', ''], ...rows])}\n`;
}
