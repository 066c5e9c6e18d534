/**
 * Connections that end and come back while posts go on: how long until everybody has everything
 * again, and what the others notice of it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { nowMicros } from './clock.ts';
import { isPlain, type Settings } from './compare-options.ts';
import type { Outage } from './load.ts';
import { cpuBetween, cpuByRole } from './measure.ts';
import {
  type Connect,
  ENDED,
  LEAD_MICROS,
  type OutageResult,
  type Place,
  reasonsAgainst,
  SUBSCRIBE_MS,
} from './scenario-result.ts';
import { type OutageScenario, rate, roomsFor, type Shape } from './shape.ts';
import type { Target } from './target.ts';

/** Over which a backlog is posted while the devices are away. */
const BACKLOG_MS = 5_000;

interface Plan extends Shape {
  readonly awayMs: number;
  /** From the outage on. */
  readonly postingMs: number;
}

function planOf(scenario: OutageScenario, settings: Settings): Plan {
  const { clients, rooms, steadyPostsPerSecond, stormClients, backlogDevices, backlogPosts } = settings;
  const steady = rate(steadyPostsPerSecond);
  const recoveryMs = settings.recoverySeconds * 1_000;
  switch (scenario) {
    case 'storm':
      return {
        clients: stormClients,
        rooms: roomsFor(stormClients),
        pressure: steady,
        awayMs: 0,
        postingMs: recoveryMs,
      };
    case 'backlog':
      return {
        // Who posts stays.
        clients: backlogDevices + 1,
        rooms: 1,
        pressure: rate((backlogPosts * 1_000) / BACKLOG_MS),
        awayMs: BACKLOG_MS,
        postingMs: BACKLOG_MS,
      };
    case 'killed':
      return { clients, rooms, pressure: steady, awayMs: 0, postingMs: recoveryMs };
    default:
      return scenario satisfies never;
  }
}

export async function measureOutage(
  place: Place,
  scenario: OutageScenario,
  target: Target,
  settings: Settings,
  connect: Connect,
): Promise<OutageResult> {
  const { clients, rooms, pressure, awayMs, postingMs } = planOf(scenario, settings);
  const pool = await connect(scenario, clients, rooms);
  try {
    await pause(SUBSCRIBE_MS);
    const roles = { ...target.roles, load: pool.pids };
    const beginMicros = nowMicros() + LEAD_MICROS;
    const isBacklog = scenario === 'backlog';
    const sinceMicros = beginMicros + (isBacklog ? 0 : settings.warmUpSeconds * 1e6);
    const outage: Outage = { sinceMicros, awayMs, drops: scenario !== 'killed' };
    const window = { fromMicros: sinceMicros, untilMicros: sinceMicros + postingMs * 1_000 };
    const before = await cpuByRole(roles);
    const [totals] = await Promise.all([
      pool.run({ pressure, outage, beginMicros, window }),
      scenario === 'killed' ? killWorkerAt(sinceMicros, target) : undefined,
    ]);
    const { faults, closed, away, recovery, ack, delivery, allDeliveries, unanswered } = totals;
    const isWhole = scenario === 'killed' || (await target.isWhole());
    const found = reasonsAgainst(totals, isWhole, true);
    return {
      ...place,
      kind: 'outage',
      clients,
      closed,
      away,
      recovery,
      ack,
      delivery,
      deliveries: allDeliveries,
      cpuSeconds: cpuBetween(before, await cpuByRole(roles)),
      lost: faults.holes + faults.losses,
      unanswered,
      // What plain loses is a result.
      void: isPlain(place.mode) ? found.filter((reason) => reason === ENDED) : found,
    };
  } finally {
    await pool.close();
  }
}

async function killWorkerAt(atMicros: number, target: Target): Promise<void> {
  await pause(Math.max(0, (atMicros - nowMicros()) / 1_000));
  const [pid] = target.roles.workers;
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
}
