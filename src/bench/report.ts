/** The result of a comparison, as data and as text for a person. */
import { type Mode, type Scenario, SCENARIOS, type Settings } from './compare-options.ts';
import type { Conditions } from './conditions.ts';
import type { IdleResult, ScenarioResult, TrafficResult } from './scenario.ts';

export interface CompareReport {
  readonly conditions: Conditions;
  readonly settings: Settings;
  readonly results: readonly ScenarioResult[];
  /** False where it was interrupted, and goes on with the same command. */
  readonly isComplete: boolean;
}

interface Column {
  readonly title: string;
  readonly of: (result: ScenarioResult) => number | undefined;
  readonly digits: number;
}

const traffic =
  (pick: (result: TrafficResult) => number) =>
  (result: ScenarioResult): number | undefined =>
    result.kind === 'traffic' ? pick(result) : undefined;
const idle =
  (pick: (result: IdleResult) => number) =>
  (result: ScenarioResult): number | undefined =>
    result.kind === 'idle' ? pick(result) : undefined;

const TRAFFIC: readonly Column[] = [
  { title: 'deliveries/s', of: traffic((r) => r.deliveriesPerSecond), digits: 0 },
  { title: 'p50 ms', of: traffic((r) => r.delivery.p50Ms), digits: 2 },
  { title: 'p99 ms', of: traffic((r) => r.delivery.p99Ms), digits: 2 },
  { title: 'CPU µs/delivery', of: traffic((r) => r.cpuMicrosPerDelivery), digits: 2 },
  { title: 'posts/s', of: traffic((r) => r.acksPerSecond), digits: 0 },
  { title: 'ack p99 ms', of: traffic((r) => r.ack.p99Ms), digits: 2 },
];

const IDLE: readonly Column[] = [
  { title: 'RSS KB/connection', of: idle((r) => r.bytesPerConnection / 1_024), digits: 1 },
  { title: 'base MB', of: idle((r) => r.baseBytes / 1_048_576), digits: 0 },
  { title: 'connections/s', of: idle((r) => r.connectionsPerSecond), digits: 0 },
];

/** Of those that count; of none: undefined. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle];
  if (sorted.length % 2 === 1 || high === undefined) return high;
  return ((sorted[middle - 1] ?? high) + high) / 2;
}

function plainOf(mode: Mode): Mode {
  return mode.endsWith('redis') ? 'plain-redis' : 'plain-cluster';
}

function shown(value: number | undefined, digits: number): string {
  if (value === undefined) return 'void';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Columns as wide as what is in them, the first to the left. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}

function titleOf(scenario: Scenario, settings: Settings): string {
  const count = (value: number): string => value.toLocaleString('en');
  switch (scenario) {
    case 'idle':
      return `idle: ${count(settings.idleClients)} connections`;
    case 'steady':
      return `steady: ${count(settings.steadyPostsPerSecond)} posts a second`;
    case 'busy':
      return `busy: ${count(settings.busyPosts)} posts outstanding`;
    case 'flood':
      return `flood: ${count(settings.floodPosts)} posts outstanding`;
    default:
      return scenario satisfies never;
  }
}

function scenarioText(scenario: Scenario, { settings, results }: CompareReport): string {
  const columns = scenario === 'idle' ? IDLE : TRAFFIC;
  const medianOf = (mode: Mode, column: Column): number | undefined =>
    median(
      results
        .filter((r) => r.mode === mode && r.scenario === scenario && r.void.length === 0)
        .flatMap((r) => column.of(r) ?? []),
    );
  const rows = settings.modes.map((mode) => [
    mode,
    ...columns.map((column) => {
      const value = medianOf(mode, column);
      const plain = mode === plainOf(mode) ? undefined : medianOf(plainOf(mode), column);
      const ratio =
        value === undefined || plain === undefined || plain === 0 ? '' : ` (${(value / plain).toFixed(2)}×)`;
      return `${shown(value, column.digits)}${ratio}`;
    }),
  ]);
  return `${titleOf(scenario, settings)}\n${table([['', ...columns.map(({ title }) => title)], ...rows])}`;
}

function checkText({ results }: CompareReport): string {
  const rows = results.flatMap((r) => {
    if (r.kind !== 'traffic') return [];
    const { reordered, holes, repeats, losses } = r.checked.faults;
    const refused = Object.entries(r.refused).map(([code, count]) => `${count} ${code}`);
    const cores = (seconds: number): string => (seconds / r.seconds).toFixed(2);
    return [
      [
        `${r.mode} ${r.scenario} ${r.run}`,
        shown(r.deliveriesPerSecond, 0),
        shown(r.delivery.p99Ms, 2),
        ...[reordered, holes, repeats, losses].map(String),
        refused.join(', ') || '0',
        r.bytesPerDelivery.toFixed(0),
        r.deliveriesPerFrame.toFixed(1),
        cores(r.cpuSeconds.primary),
        cores(r.cpuSeconds.workers),
        cores(r.cpuSeconds.redis),
        cores(r.cpuSeconds.load),
        r.otherCores.toFixed(2),
        r.lateness.p99Ms.toFixed(2),
        r.durabilities.join(',') || 'none',
      ],
    ];
  });
  if (rows.length === 0) return '';
  const titles = [
    'each run',
    'deliveries/s',
    'p99 ms',
    'order',
    'holes',
    'repeats',
    'losses',
    'refused',
    'B/delivery',
    'per frame',
  ];
  const cores = ['primary', 'workers', 'redis', 'load', 'others'].map((role) => `${role} cores`);
  return table([[...titles, ...cores, 'load late p99 ms', 'durability'], ...rows]);
}

function conditionsText({ conditions }: CompareReport): string {
  const { at, cpu, cores, memoryMb, kernel, versions, loadAverage, flushP50Ms, notes } = conditions;
  return [
    `${at} · ${cores} × ${cpu}, ${memoryMb} MB, Linux ${kernel} · load average before: ${loadAverage.toFixed(2)}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(' · '),
    `a bare write of 4 KB, flushed: ${flushP50Ms.toFixed(2)} ms (p50)`,
    ...notes.map((note) => `- ${note}`),
  ].join('\n');
}

/** Everything for a person: medians with ratios to the plain of the same adapter, the checks, the conditions. */
export function reportText(report: CompareReport): string {
  const scenarios = SCENARIOS.filter((scenario) => report.settings.scenarios.includes(scenario));
  const voids = report.results
    .filter((r) => r.void.length > 0)
    .map((r) => `void: ${r.mode} ${r.scenario}, run ${r.run}: ${r.void.join(', ')}`);
  const parts = [
    ...scenarios.map((scenario) => scenarioText(scenario, report)),
    'In brackets: the ratio to the plain of the same adapter. Medians of the runs that count.',
    checkText(report),
    voids.join('\n'),
    conditionsText(report),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}
