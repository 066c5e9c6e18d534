/** What a comparison says, in sentences that are derived from its figures. */
import { isOurs, isPlain, type Mode, type OurMode, type Scenario } from './compare-options.ts';
import { type Column, columnsOf, figureOf } from './figures.ts';
import { ratioText } from './page-charts.ts';
import type { CompareReport } from './report.ts';

export function words(report: CompareReport): string[] {
  const { settings, results } = report;
  const sentences = settings.modes.filter(isOurs).flatMap((mode) => ofMode(report, mode));
  const choice = ofChoice(report);
  if (choice !== undefined) sentences.push(choice);
  const voids = results.filter((result) => result.void.length > 0);
  const ours = voids.filter(({ mode }) => isOurs(mode)).length;
  const plain = voids.filter(({ mode }) => isPlain(mode)).length;
  if (ours > 0) sentences.push(`${ours} runs of this server do not count: see what was found in them below.`);
  if (plain > 0)
    sentences.push(
      `The plain set-up lost, doubled or reordered messages, or connections, in ${plain} of its runs.`,
    );
  if (!report.isComplete) sentences.push('It was interrupted: the same command goes on with it.');
  return sentences;
}

/** A figure's ratio to plain, by the title of its column. */
function ratioOf(report: CompareReport, mode: Mode, scenario: Scenario, title: string): number | undefined {
  const column = columnNamed(scenario, title);
  return column && figureOf(report.results, mode, scenario, column)?.ratio;
}

function columnNamed(scenario: Scenario, title: string): Column | undefined {
  return columnsOf(scenario).find((column) => column.title === title);
}

function ofMode(report: CompareReport, mode: OurMode): string[] {
  const flood = ratioOf(report, mode, 'flood', 'deliveries/s');
  const floodP99 = ratioOf(report, mode, 'flood', 'p99 ms');
  const p50 = ratioOf(report, mode, 'steady', 'p50 ms');
  const cpu = ratioOf(report, mode, 'steady', 'CPU µs/delivery');
  const parts: string[] = [];
  if (flood !== undefined && floodP99 !== undefined)
    parts.push(
      `under a flood it delivers ${ratioText(flood)} what the plain set-up does, with ${ratioText(floodP99)} its p99`,
    );
  if (p50 !== undefined && cpu !== undefined)
    parts.push(
      `at a quiet ${report.settings.steadyPostsPerSecond} posts a second its p50 is ${ratioText(p50)} and its CPU per delivery ${ratioText(cpu)} plain's`,
    );
  if (parts.length === 0) return [];
  const stored = durabilitiesOf(report, mode);
  const kept = stored === '' ? '' : ` What it acknowledged was stored (${stored}); plain stores nothing.`;
  return [`${mode}: ${parts.join('; ')}.${kept}`];
}

function durabilitiesOf({ results }: CompareReport, mode: Mode): string {
  const found = results.flatMap((r) => (r.kind === 'traffic' && r.mode === mode ? r.durabilities : []));
  return [...new Set(found)].join(', ');
}

/** Which of the two for whom; only where both were measured. */
function ofChoice(report: CompareReport): string | undefined {
  const column = columnNamed('flood', 'deliveries/s');
  const floodOf = (mode: OurMode): number | undefined =>
    column && figureOf(report.results, mode, 'flood', column)?.median;
  const [cluster, redis] = [floodOf('cluster'), floodOf('redis')];
  if (cluster === undefined || redis === undefined) return undefined;
  const more = redis / cluster;
  const compared =
    more > 1.1
      ? `redis delivers ${ratioText(more)} as much here`
      : more < 0.9
        ? `cluster delivers ${ratioText(1 / more)} as much here`
        : 'both deliver about the same here';
  return `One host and nothing to look after: cluster. More than one host, or a Redis that is there anyway: redis; ${compared}.`;
}
