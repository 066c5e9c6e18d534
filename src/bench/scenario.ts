/** One scenario on one server: the load runs, is checked, and what it cost is measured beside it. */
import { cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { cleanEnv } from './child-server.ts';
import { nowMicros } from './clock.ts';
import type { Settings } from './compare-options.ts';
import { LoadPool, type LoadTotals } from './load-pool.ts';
import { type CpuByRole, cpuBetween, cpuByRole, kernelBytes, rssBytes } from './measure.ts';
import { measureOutage } from './outage.ts';
import {
  type BurstResult,
  type Connect,
  ENDED,
  type IdleResult,
  LEAD_MICROS,
  type Place,
  reasonsAgainst,
  type ScenarioResult,
  SUBSCRIBE_MS,
  type TrafficResult,
  type Watching,
} from './scenario-result.ts';
import { roomsFor, type Shape, shapeOf } from './shape.ts';
import type { Target } from './target.ts';

const JUST_JOINED_MS = 2_000;

export async function runScenario(
  place: Place,
  target: Target,
  settings: Settings,
  { onProgress, signal }: Watching,
): Promise<ScenarioResult> {
  const connect = connectTo(target, settings, signal);
  const { scenario } = place;
  switch (scenario) {
    case 'idle':
      return measureIdle(place, target, settings, connect, signal);
    case 'burst':
      return measureBurst(place, target, settings, connect);
    case 'storm':
    case 'backlog':
    case 'killed':
      return measureOutage(place, scenario, target, settings, connect);
    case 'steady':
    case 'busy':
    case 'flood':
    case 'small-rooms':
    case 'huge-room':
    case 'fairness':
    case 'polling':
    case 'clients-100':
    case 'clients-1000':
    case 'clients-10000':
    case 'workers-1':
    case 'workers-4':
    case 'workers-8':
      return measureTraffic(place, target, shapeOf(scenario, settings), settings, connect, onProgress);
    default:
      return scenario satisfies never;
  }
}

/**
 * Posts for a while, so that what is measured first runs on code that is as well compiled as what
 * is measured last.
 */
export async function warmUp(target: Target, settings: Settings, signal?: AbortSignal): Promise<void> {
  const { clients, rooms, pressure } = shapeOf('busy', settings);
  const pool = await connectTo(target, settings, signal)('warm-up', clients, rooms);
  try {
    await pause(SUBSCRIBE_MS);
    const beginMicros = nowMicros() + LEAD_MICROS;
    const window = { fromMicros: beginMicros, untilMicros: beginMicros + settings.warmUpSeconds * 1e6 };
    await pool.run({ pressure, beginMicros, window });
  } finally {
    await pool.close();
  }
}

function connectTo(target: Target, settings: Settings, signal: AbortSignal | undefined): Connect {
  return (roomPrefix, clients, rooms, how) =>
    LoadPool.connect({
      url: target.url,
      clients,
      rooms,
      roomPrefix,
      textBytes: settings.textBytes,
      ...how,
      processes: settings.loadProcesses,
      env: cleanEnv(),
      signal,
    });
}

/** All try at the same time, as after a new release of an app; each load process in its own share. */
async function measureBurst(
  place: Place,
  target: Target,
  { burstClients, loadProcesses }: Settings,
  connect: Connect,
): Promise<BurstResult> {
  const before = await cpuByRole({ ...target.roles, load: [] });
  const begin = nowMicros();
  const connecting = Math.ceil(burstClients / loadProcesses);
  const pool = await connect('burst', burstClients, roomsFor(burstClients), { connecting });
  try {
    const seconds = (nowMicros() - begin) / 1e6;
    const cpu = cpuBetween(before, await cpuByRole({ ...target.roles, load: [] }));
    const { joining, closed } = await pool.joined();
    const isWhole = await target.isWhole();
    return {
      ...place,
      kind: 'burst',
      connections: burstClients,
      connectionsPerSecond: burstClients / seconds,
      joining,
      cpuSeconds: cpu,
      void: [...(closed > 0 ? [`${closed} connections that ended`] : []), ...(isWhole ? [] : [ENDED])],
    };
  } finally {
    await pool.close();
  }
}

async function measureIdle(
  place: Place,
  target: Target,
  settings: Settings,
  connect: Connect,
  signal: AbortSignal | undefined,
): Promise<IdleResult> {
  const pids = [...target.roles.primary, ...target.roles.workers];
  const { idleClients, idleSeconds } = settings;
  const baseBytes = await rssBytes(pids);
  const baseKernelBytes = await kernelBytes();
  const begin = nowMicros();
  const pool = await connect('idle', idleClients, roomsFor(idleClients));
  try {
    const seconds = (nowMicros() - begin) / 1e6;
    await pause(JUST_JOINED_MS, undefined, { signal });
    const bytes = await rssBytes(pids);
    const heldByKernel = (await kernelBytes()) - baseKernelBytes;
    await pause(idleSeconds * 1_000, undefined, { signal });
    const quietBytes = await rssBytes(pids);
    return {
      ...place,
      kind: 'idle',
      connections: idleClients,
      baseBytes,
      bytesPerConnection: (bytes - baseBytes) / idleClients,
      kernelBytesPerConnection: heldByKernel / idleClients,
      quietBytesPerConnection: (quietBytes - baseBytes) / idleClients,
      connectionsPerSecond: idleClients / seconds,
      void: (await target.isWhole()) ? [] : [ENDED],
    };
  } finally {
    await pool.close();
  }
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
  { clients, rooms, pressure, transport, beside }: Shape,
  { seconds, warmUpSeconds }: Settings,
  connect: Connect,
  onProgress: (text: string) => void,
): Promise<TrafficResult> {
  const pool = await connect(place.scenario, clients, rooms, { transport });
  let other: LoadPool | undefined;
  try {
    other = beside && (await connect('beside', beside.clients, beside.rooms, { userPrefix: 'b' }));
    await pause(SUBSCRIBE_MS);
    const roles = { ...target.roles, load: [...pool.pids, ...(other?.pids ?? [])] };
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
    const [totals, { cpu, before, after }, others] = await Promise.all([
      pool.run(options, (deliveries) => onProgress(`${deliveries.toLocaleString('en')} deliveries`)),
      cost(),
      beside && other?.run({ ...options, pressure: beside.pressure }),
    ]);
    const isWhole = await target.isWhole();
    const ours = cpu.primary + cpu.workers + cpu.redis + cpu.load;
    return {
      ...place,
      ...traffic(totals, cpu, seconds),
      idleCores: (after.idle - before.idle) / seconds,
      otherCores: Math.max(0, (after.busy - before.busy - ours) / seconds),
      void: [...reasonsAgainst(totals, isWhole), ...(others ? reasonsAgainst(others, isWhole) : [])],
    };
  } finally {
    await Promise.all([pool.close(), other?.close()]);
  }
}

function traffic(totals: LoadTotals, cpu: CpuByRole, seconds: number) {
  const { deliveries, deliveredBytes, frames, acks, delivery, ack, lateness, durabilities, refused } = totals;
  const { allPosts, allDeliveries, faults, contradictions, unanswered, lostEvents, closed, reasons } = totals;
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
    checked: { allPosts, allDeliveries, faults, contradictions, unanswered, lostEvents, closed, reasons },
  } as const;
}
