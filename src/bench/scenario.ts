/** One scenario on one server: the load runs, is checked, and what it cost is measured beside it. */
import { cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { cleanEnv } from './child-server.ts';
import { nowMicros } from './clock.ts';
import type { Mode, Scenario, Settings } from './compare-options.ts';
import type { LatencySummary } from './latency.ts';
import { LoadPool, type LoadTotals } from './load-pool.ts';
import { type CpuByRole, cpuBetween, cpuByRole, rssBytes } from './measure.ts';
import { type Shape, shapeOf } from './shape.ts';
import type { Target } from './target.ts';

interface Place {
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
    'faults' | 'contradictions' | 'unanswered' | 'lostEvents' | 'closed' | 'reasons'
  >;
  /** Why it does not count; empty when it does. */
  readonly void: readonly string[];
}

export interface IdleResult extends Place {
  readonly kind: 'idle';
  readonly connections: number;
  readonly baseBytes: number;
  readonly bytesPerConnection: number;
  /** Connections opened and joined per second. */
  readonly connectionsPerSecond: number;
  readonly void: readonly string[];
}

export type ScenarioResult = TrafficResult | IdleResult;

export interface Watching {
  readonly onProgress: (text: string) => void;
  readonly signal: AbortSignal | undefined;
}

type Connect = (roomPrefix: string, clients: number, rooms: number) => Promise<LoadPool>;

/** Between the last join and the first post: a subscription in Redis takes a moment in plain. */
const SUBSCRIBE_MS = 1_000;
/** The load processes get the time at which all begin before it is there. */
const LEAD_MICROS = 300_000;
const IDLE_SETTLE_MS = 2_000;
const IDLE_ROOM = 40;

export async function runScenario(
  place: Place,
  target: Target,
  settings: Settings,
  { onProgress, signal }: Watching,
): Promise<ScenarioResult> {
  const connect: Connect = (roomPrefix, clients, rooms) =>
    LoadPool.connect({
      url: target.url,
      clients,
      rooms,
      roomPrefix,
      textBytes: settings.textBytes,
      processes: settings.loadProcesses,
      env: cleanEnv(),
      signal,
    });
  const { scenario } = place;
  return scenario === 'idle'
    ? measureIdle(place, target, settings, connect)
    : measureTraffic(place, target, shapeOf(scenario, settings), settings, connect, onProgress);
}

async function measureIdle(
  place: Place,
  target: Target,
  settings: Settings,
  connect: Connect,
): Promise<IdleResult> {
  const pids = [...target.roles.primary, ...target.roles.workers];
  const { idleClients } = settings;
  const baseBytes = await rssBytes(pids);
  const begin = nowMicros();
  const pool = await connect('idle', idleClients, Math.ceil(idleClients / IDLE_ROOM));
  const seconds = (nowMicros() - begin) / 1e6;
  await pause(IDLE_SETTLE_MS);
  const bytes = await rssBytes(pids);
  await pool.close();
  return {
    ...place,
    kind: 'idle',
    connections: idleClients,
    baseBytes,
    bytesPerConnection: (bytes - baseBytes) / idleClients,
    connectionsPerSecond: idleClients / seconds,
    void: (await target.isWhole()) ? [] : ['a process of the server ended'],
  };
}

/** Busy and idle time of all cores since the machine began. */
function machineSeconds(): { readonly busy: number; readonly idle: number } {
  let busy = 0;
  let idle = 0;
  for (const { times } of cpus()) {
    busy += (times.user + times.nice + times.sys + times.irq) / 1_000;
    idle += times.idle / 1_000;
  }
  return { busy, idle };
}

async function until(micros: number): Promise<void> {
  await pause(Math.max(0, (micros - nowMicros()) / 1_000));
}

async function measureTraffic(
  place: Place,
  target: Target,
  { clients, rooms, pressure }: Shape,
  { seconds, warmUpSeconds }: Settings,
  connect: Connect,
  onProgress: (text: string) => void,
): Promise<TrafficResult> {
  const pool = await connect(place.scenario, clients, rooms);
  try {
    await pause(SUBSCRIBE_MS);
    const roles = { ...target.roles, load: pool.pids };
    const beginMicros = nowMicros() + LEAD_MICROS;
    const window = {
      fromMicros: beginMicros + warmUpSeconds * 1e6,
      untilMicros: beginMicros + (warmUpSeconds + seconds) * 1e6,
    };
    const cost = async () => {
      await until(window.fromMicros);
      const [cpu, machine] = [await cpuByRole(roles), machineSeconds()];
      await until(window.untilMicros);
      return { cpu: cpuBetween(cpu, await cpuByRole(roles)), before: machine, after: machineSeconds() };
    };
    const options = { pressure, beginMicros, window };
    const [totals, { cpu, before, after }] = await Promise.all([
      pool.run(options, (deliveries) => onProgress(`${deliveries.toLocaleString('en')} deliveries`)),
      cost(),
    ]);
    const ours = cpu.primary + cpu.workers + cpu.redis + cpu.load;
    return {
      ...place,
      ...traffic(totals, cpu, seconds),
      idleCores: (after.idle - before.idle) / seconds,
      otherCores: Math.max(0, (after.busy - before.busy - ours) / seconds),
      void: reasonsAgainst(totals, await target.isWhole()),
    };
  } finally {
    await pool.close();
  }
}

function traffic(totals: LoadTotals, cpu: CpuByRole, seconds: number) {
  const { deliveries, deliveredBytes, frames, acks, delivery, ack, lateness, durabilities, refused } = totals;
  const { faults, contradictions, unanswered, lostEvents, closed, reasons } = totals;
  const server = cpu.primary + cpu.workers + cpu.redis;
  return {
    kind: 'traffic',
    seconds,
    deliveriesPerSecond: deliveries / seconds,
    acksPerSecond: acks / seconds,
    bytesPerDelivery: deliveredBytes / Math.max(1, deliveries),
    deliveriesPerFrame: deliveries / Math.max(1, frames),
    delivery,
    ack,
    lateness,
    cpuSeconds: cpu,
    cpuMicrosPerDelivery: (server * 1e6) / Math.max(1, deliveries),
    durabilities,
    refused,
    checked: { faults, contradictions, unanswered, lostEvents, closed, reasons },
  } as const;
}

function reasonsAgainst(totals: LoadTotals, isWhole: boolean): string[] {
  const { reordered, holes, repeats, losses } = totals.faults;
  const counts = {
    'order errors': reordered,
    holes,
    repeats,
    losses,
    'seqs with two messages': totals.contradictions,
    'posts without an answer': totals.unanswered,
    '`lost` events': totals.lostEvents,
    'connections that ended': totals.closed,
  };
  const found = Object.entries(counts).filter(([, count]) => count > 0);
  const reasons = found.map(([name, count]) => `${count} ${name}`);
  if (totals.deliveries === 0) reasons.push('nothing was delivered');
  return isWhole ? reasons : [...reasons, 'a process of the server ended'];
}
