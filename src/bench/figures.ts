/** What a report shows of each scenario: its figures, their medians and spread, and the ratio to plain. */
import type { Mode, Scenario, Settings } from './compare-options.ts';
import type { BurstResult, ScenarioResult } from './scenario-result.ts';

export interface Column {
  readonly title: string;
  readonly of: (result: ScenarioResult) => number | undefined;
  readonly digits: number;
}

/** A figure that only results of one kind have. */
function ofKind<K extends ScenarioResult['kind']>(kind: K) {
  type Result = Extract<ScenarioResult, { readonly kind: K }>;
  return (pick: (result: Result) => number) =>
    (result: ScenarioResult): number | undefined =>
      result.kind === kind ? pick(result as Result) : undefined;
}

const traffic = ofKind('traffic');
const idle = ofKind('idle');
const burst = ofKind('burst');
const outage = ofKind('outage');

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
  {
    title: 'quiet KB/connection',
    of: idle((r) => r.quietBytesPerConnection / 1_024),
    digits: 1,
  },
  {
    title: 'kernel KB/connection',
    of: idle((r) => r.kernelBytesPerConnection / 1_024),
    digits: 1,
  },
  { title: 'base MB', of: idle((r) => r.baseBytes / 1_048_576), digits: 0 },
  { title: 'connections/s', of: idle((r) => r.connectionsPerSecond), digits: 0 },
];

const BURST: readonly Column[] = [
  { title: 'connections/s', of: burst((r) => r.connectionsPerSecond), digits: 0 },
  { title: 'joined p50 ms', of: burst((r) => r.joining.p50Ms), digits: 0 },
  { title: 'joined p99 ms', of: burst((r) => r.joining.p99Ms), digits: 0 },
  {
    title: 'CPU ms/connection',
    of: burst(cpuMsPerConnection),
    digits: 2,
  },
];

const OUTAGE: readonly Column[] = [
  { title: 'came back', of: outage((r) => r.recovery.count), digits: 0 },
  { title: 'back p50 ms', of: outage((r) => r.recovery.p50Ms), digits: 0 },
  { title: 'all back ms', of: outage((r) => r.recovery.maxMs), digits: 0 },
  { title: 'post p99 ms', of: outage((r) => r.ack.p99Ms), digits: 0 },
  { title: 'deliveries lost', of: outage((r) => r.lost), digits: 0 },
];

const GROWTH: readonly Column[] = [
  ...TRAFFIC.filter(({ title }) => ['p50 ms', 'p99 ms', 'CPU µs/delivery'].includes(title)),
  {
    title: 'primary % of CPU',
    of: traffic(
      ({ cpuSeconds: { primary, workers, redis } }) => (100 * primary) / (primary + workers + redis),
    ),
    digits: 1,
  },
];

export function columnsOf(scenario: Scenario): readonly Column[] {
  switch (scenario) {
    case 'idle':
      return IDLE;
    case 'burst':
      return BURST;
    case 'storm':
    case 'backlog':
    case 'killed':
      return OUTAGE;
    case 'steady':
    case 'busy':
    case 'flood':
    case 'small-rooms':
    case 'huge-room':
    case 'fairness':
    case 'polling':
      return TRAFFIC;
    case 'clients-100':
    case 'clients-1000':
    case 'clients-10000':
    case 'workers-1':
    case 'workers-4':
    case 'workers-8':
      return GROWTH;
    default:
      return scenario satisfies never;
  }
}

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

/** One figure of one mode, over the runs that count. */
export interface Figure {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** To the median of the plain of the same adapter; undefined for plain itself. */
  readonly ratio: number | undefined;
}

/** Undefined where no run counts. */
export function figureOf(
  results: readonly ScenarioResult[],
  mode: Mode,
  scenario: Scenario,
  column: Column,
): Figure | undefined {
  const valuesOf = (of: Mode): number[] =>
    results
      .filter((r) => r.mode === of && r.scenario === scenario && r.void.length === 0)
      .flatMap((r) => column.of(r) ?? []);
  const values = valuesOf(mode);
  const middle = median(values);
  if (middle === undefined) return undefined;
  const plain = mode === plainOf(mode) ? undefined : median(valuesOf(plainOf(mode)));
  return {
    median: middle,
    least: Math.min(...values),
    most: Math.max(...values),
    ratio: plain === undefined || plain === 0 ? undefined : middle / plain,
  };
}

export function shown(value: number | undefined, digits: number): string {
  if (value === undefined) return 'void';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function titleOf(scenario: Scenario, settings: Settings): string {
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
    case 'small-rooms':
      return `small rooms: ${count(settings.smallRoomClients)} clients in rooms of ten, ${count(settings.smallRoomPostsPerSecond)} posts a second`;
    case 'huge-room':
      return `one huge room: ${count(settings.hugeRoomClients)} clients, ${count(settings.hugeRoomPostsPerSecond)} posts a second`;
    case 'fairness':
      return `fairness: ${count(settings.steadyPostsPerSecond)} posts a second beside a room with ${count(settings.floodPosts)} outstanding`;
    case 'polling':
      return `long polling: ${count(settings.clients)} clients, ${count(settings.pollingPostsPerSecond)} posts a second`;
    case 'clients-100':
    case 'clients-1000':
    case 'clients-10000':
    case 'workers-1':
    case 'workers-4':
    case 'workers-8': {
      const [what = '', size] = scenario.split('-');
      return `growth: ${count(Number(size))} ${what}, ${count(settings.steadyPostsPerSecond)} posts a second`;
    }
    case 'burst':
      return `burst: ${count(settings.burstClients)} clients connect at once`;
    case 'storm':
      return `storm: ${count(settings.stormClients)} clients are dropped at once and come back, ${count(settings.steadyPostsPerSecond)} posts a second go on`;
    case 'backlog':
      return `backlog: ${count(settings.backlogDevices)} devices come back to ${count(settings.backlogPosts)} messages`;
    case 'killed':
      return `killed: a worker is killed under ${count(settings.steadyPostsPerSecond)} posts a second`;
    default:
      return scenario satisfies never;
  }
}

/** Of the servers: primary, workers and Redis. */
export function cpuMsPerConnection({ cpuSeconds, connections }: BurstResult): number {
  const { primary, workers, redis } = cpuSeconds;
  return ((primary + workers + redis) * 1_000) / connections;
}
