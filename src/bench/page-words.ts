/** What a comparison says, in sentences that are derived from its figures. */
import { isOurs, isPlain, type Mode, type OurMode, type Scenario, type Settings } from './compare-options.ts';
import { type Column, columnsOf, type Figure, figureOf, shown } from './figures.ts';
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

type Say = (figure: Figure, settings: Settings) => string | undefined;

/** What is said of one figure; nothing where it was not measured, or has no ratio to tell. */
interface Phrase {
  readonly scenario: Scenario;
  readonly title: string;
  readonly say: Say;
}

const ratioed =
  (say: (ratio: string, settings: Settings) => string): Say =>
  ({ ratio }, settings) =>
    ratio === undefined ? undefined : say(ratioText(ratio), settings);

const UNDER_LOAD: readonly Phrase[] = [
  {
    scenario: 'flood',
    title: 'deliveries/s',
    say: ratioed((ratio) => `under a flood it delivers ${ratio} what the plain set-up does`),
  },
  { scenario: 'flood', title: 'p99 ms', say: ratioed((ratio) => `its p99 there is ${ratio} plain’s`) },
  {
    scenario: 'steady',
    title: 'p50 ms',
    say: ratioed((ratio, s) => `at a quiet ${s.steadyPostsPerSecond} posts a second its p50 is ${ratio}`),
  },
  {
    scenario: 'steady',
    title: 'CPU µs/delivery',
    say: ratioed((ratio) => `its CPU per delivery there is ${ratio} plain’s`),
  },
  {
    scenario: 'small-rooms',
    title: 'CPU µs/delivery',
    say: ratioed((ratio) => `with many small rooms its CPU per delivery is ${ratio} plain’s`),
  },
];

const COMING_AND_GOING: readonly Phrase[] = [
  {
    scenario: 'idle',
    title: 'quiet KB/connection',
    say: ({ median, ratio }) =>
      `an idle connection takes ${shown(median, 0)} KB${ratio === undefined ? '' : ` (${ratioText(ratio)} plain’s)`}`,
  },
  {
    scenario: 'burst',
    title: 'connections/s',
    say: ({ median, ratio }) =>
      `${shown(median, 0)} clients a second come in when all come at once${ratio === undefined ? '' : ` (${ratioText(ratio)} plain’s)`}`,
  },
  {
    scenario: 'storm',
    title: 'all back ms',
    say: ({ median }, s) =>
      `${shown(s.stormClients, 0)} clients that were dropped at once had everything again after ${inSeconds(median)}`,
  },
  {
    scenario: 'killed',
    title: 'all back ms',
    say: ({ median }) => `after the kill of a worker everybody had everything after ${inSeconds(median)}`,
  },
  {
    scenario: 'backlog',
    title: 'all back ms',
    say: ({ median }, s) =>
      `${shown(s.backlogDevices, 0)} devices had a backlog of ${shown(s.backlogPosts, 0)} messages after ${inSeconds(median)}`,
  },
];

function inSeconds(ms: number): string {
  return `${shown(ms / 1_000, 1)} s`;
}

function columnNamed(scenario: Scenario, title: string): Column | undefined {
  return columnsOf(scenario).find((column) => column.title === title);
}

function phrasesOf(report: CompareReport, mode: OurMode, phrases: readonly Phrase[]): string[] {
  return phrases.flatMap(({ scenario, title, say }) => {
    const column = columnNamed(scenario, title);
    const figure = column && figureOf(report.results, mode, scenario, column);
    return (figure && say(figure, report.settings)) ?? [];
  });
}

function ofMode(report: CompareReport, mode: OurMode): string[] {
  const load = phrasesOf(report, mode, UNDER_LOAD);
  const people = phrasesOf(report, mode, COMING_AND_GOING);
  const sentences: string[] = [];
  if (load.length > 0) {
    const stored = durabilitiesOf(report, mode);
    const kept = stored === '' ? '' : ` What it acknowledged was stored (${stored}); plain stores nothing.`;
    sentences.push(`${mode}: ${load.join('; ')}.${kept}`);
  }
  if (people.length > 0) sentences.push(`${mode}: ${people.join('; ')}.`);
  return sentences;
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
