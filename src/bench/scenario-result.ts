/** What each scenario measures, and what speaks against a measurement. */
import type { Mode, Scenario } from './compare-options.ts';
import type { LatencySummary } from './latency.ts';
import type { LoadOptions } from './load.ts';
import type { LoadPool, LoadTotals } from './load-pool.ts';
import type { CpuByRole } from './measure.ts';

export interface Place {
  readonly mode: Mode;
  readonly scenario: Scenario;
  /** 1, 2, 3 … */
  readonly run: number;
}

export interface TrafficResult extends Place {
  readonly kind: 'traffic';
  readonly seconds: number;
  readonly deliveriesPerSecond: number;
  readonly acksPerSecond: number;
  readonly bytesPerDelivery: number;
  readonly deliveriesPerFrame: number;
  readonly delivery: LatencySummary;
  readonly ack: LatencySummary;
  /** How late the load sent what was due: what it adds by itself. */
  readonly lateness: LatencySummary;
  readonly cpuSeconds: CpuByRole;
  readonly cpuMicrosPerDelivery: number;
  /** Cores that neither server nor load used, and those that something else used. */
  readonly idleCores: number;
  readonly otherCores: number;
  readonly durabilities: readonly string[];
  readonly refused: Readonly<Record<string, number>>;
  readonly checked: Pick<
    LoadTotals,
    | 'allPosts'
    | 'allDeliveries'
    | 'faults'
    | 'contradictions'
    | 'unanswered'
    | 'lostEvents'
    | 'closed'
    | 'reasons'
  >;
  /** Why it does not count; empty when it does. */
  readonly void: readonly string[];
}

export interface IdleResult extends Place {
  readonly kind: 'idle';
  readonly connections: number;
  readonly baseBytes: number;
  /** Resident, 2 s after the last one joined. */
  readonly bytesPerConnection: number;
  /** After a quiet time, in which V8 gives back what the connecting took. */
  readonly quietBytesPerConnection: number;
  /** Held by the kernel just after they joined, for both ends: the clients are on the same machine. */
  readonly kernelBytesPerConnection: number;
  /** Connections opened and joined per second. */
  readonly connectionsPerSecond: number;
  readonly void: readonly string[];
}

/** Clients that all connect at once. */
export interface BurstResult extends Place {
  readonly kind: 'burst';
  readonly connections: number;
  readonly connectionsPerSecond: number;
  /** From the first try to the answer to the join. */
  readonly joining: LatencySummary;
  readonly cpuSeconds: CpuByRole;
  readonly void: readonly string[];
}

/** Connections that ended and came back while posts went on. */
export interface OutageResult extends Place {
  readonly kind: 'outage';
  readonly clients: number;
  /** How many connections ended, and how many clients had not recovered at the end. */
  readonly closed: number;
  readonly away: number;
  /** From the end of the outage until a client had everything that was there when it was welcomed. */
  readonly recovery: LatencySummary;
  /** Of the posts meanwhile. */
  readonly ack: LatencySummary;
  readonly delivery: LatencySummary;
  readonly deliveries: number;
  readonly cpuSeconds: CpuByRole;
  /** Messages that some client did not get, and posts without an answer: plain keeps nothing. */
  readonly lost: number;
  readonly unanswered: number;
  readonly void: readonly string[];
}

/** A scenario that could not be measured: clients that could not come in, say. */
export interface FailedResult extends Place {
  readonly kind: 'failed';
  readonly void: readonly string[];
}

export type ScenarioResult = TrafficResult | IdleResult | BurstResult | OutageResult | FailedResult;

export interface Watching {
  readonly onProgress: (text: string) => void;
  readonly signal: AbortSignal | undefined;
}

export type Connect = (
  roomPrefix: string,
  clients: number,
  rooms: number,
  how?: Pick<LoadOptions, 'connecting' | 'transport' | 'userPrefix'>,
) => Promise<LoadPool>;

/** Between the last join and the first post: a subscription in Redis takes a moment in plain. */
export const SUBSCRIBE_MS = 1_000;
/** The load processes get the time at which all begin before it is there. */
export const LEAD_MICROS = 300_000;

export const ENDED = 'a process of the server ended';

/** `mayClose`: that connections end is what is measured. */
export function reasonsAgainst(totals: LoadTotals, isWhole: boolean, mayClose = false): string[] {
  const { reordered, holes, repeats, losses } = totals.faults;
  const counts = {
    'order errors': reordered,
    holes,
    repeats,
    losses,
    'seqs with two messages': totals.contradictions,
    'posts without an answer': totals.unanswered,
    '`lost` events': totals.lostEvents,
    'connections that ended': mayClose ? 0 : totals.closed,
    'clients that did not come back': totals.away,
  };
  const found = Object.entries(counts).filter(([, count]) => count > 0);
  const reasons = found.map(([name, count]) => `${count} ${name}`);
  if (totals.deliveries === 0) reasons.push('nothing was delivered');
  return isWhole ? reasons : [...reasons, ENDED];
}
