/** The result of a comparison, as data and as text for a person. */
import { type Scenario, SCENARIOS, type Settings } from './compare-options.ts';
import type { Conditions } from './conditions.ts';
import { columnsOf, figureOf, shown, titleOf } from './figures.ts';
import type { ScenarioResult } from './scenario-result.ts';

export interface CompareReport {
  readonly conditions: Conditions;
  readonly settings: Settings;
  readonly results: readonly ScenarioResult[];
  /** False where it was interrupted, and goes on with the same command. */
  readonly isComplete: boolean;
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

function scenarioText(scenario: Scenario, { settings, results }: CompareReport): string {
  const columns = columnsOf(scenario);
  const rows = settings.modes.map((mode) => [
    mode,
    ...columns.map((column) => {
      const figure = figureOf(results, mode, scenario, column);
      const ratio = figure?.ratio === undefined ? '' : ` (${figure.ratio.toFixed(2)}×)`;
      return `${shown(figure?.median, column.digits)}${ratio}`;
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
  const reasons = report.results.flatMap((r) =>
    r.kind === 'traffic'
      ? r.checked.reasons.map((reason) => `${r.mode} ${r.scenario}, run ${r.run}: ${reason}`)
      : [],
  );
  const parts = [
    ...scenarios.map((scenario) => scenarioText(scenario, report)),
    'In brackets: the ratio to the plain of the same adapter. Medians of the runs that count.',
    checkText(report),
    [...voids, ...reasons].join('\n'),
    conditionsText(report),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}
