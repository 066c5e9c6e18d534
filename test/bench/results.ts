/** Results for tests of what is made of them. */
import type { Mode, Scenario } from '../../src/bench/compare-options.ts';
import type { IdleResult, OutageResult, TrafficResult } from '../../src/bench/scenario-result.ts';

export const CONDITIONS = {
  at: '2026-01-01T00:00:00.000Z',
  cpu: 'a CPU',
  cores: 2,
  memoryMb: 1_024,
  kernel: '6',
  versions: { node: '20' },
  loadAverage: 0.1,
  flushP50Ms: 0.5,
  notes: ['a note'],
};

export function idle(mode: Mode, run: number, kb: number, reasons: string[] = []): IdleResult {
  return {
    mode,
    scenario: 'idle',
    run,
    kind: 'idle',
    connections: 10,
    baseBytes: 1_048_576,
    bytesPerConnection: kb * 1_024,
    kernelBytesPerConnection: 4 * 1_024,
    quietBytesPerConnection: kb * 1_024,
    connectionsPerSecond: 100,
    void: reasons,
  };
}

/** Run 1 with so many deliveries a second, each of which took `ms`. */
export function traffic(mode: Mode, scenario: Scenario, perSecond: number, ms: number): TrafficResult {
  const latency = { count: 1, p50Ms: ms, p90Ms: ms, p99Ms: ms, p999Ms: ms, maxMs: ms };
  return {
    mode,
    scenario,
    run: 1,
    kind: 'traffic',
    seconds: 1,
    deliveriesPerSecond: perSecond,
    acksPerSecond: perSecond / 40,
    bytesPerDelivery: 140,
    deliveriesPerFrame: 1,
    delivery: latency,
    ack: latency,
    lateness: latency,
    cpuSeconds: { primary: 0, workers: 1, redis: 0, load: 0 },
    cpuMicrosPerDelivery: 1e6 / perSecond,
    idleCores: 0,
    otherCores: 0,
    durabilities: ['disk'],
    refused: {},
    checked: {
      allPosts: 1_000,
      allDeliveries: 40_000,
      faults: { reordered: 0, holes: 0, repeats: 0, losses: 0 },
      contradictions: 0,
      unanswered: 0,
      lostEvents: 0,
      closed: 0,
      reasons: [],
    },
    void: [],
  };
}

/** Run 1 in which everybody was back after `ms`. */
export function outage(mode: Mode, scenario: Scenario, ms: number): OutageResult {
  const latency = { count: 1, p50Ms: ms, p90Ms: ms, p99Ms: ms, p999Ms: ms, maxMs: ms };
  return {
    mode,
    scenario,
    run: 1,
    kind: 'outage',
    clients: 10,
    closed: 10,
    away: 0,
    recovery: latency,
    ack: latency,
    delivery: latency,
    deliveries: 100,
    cpuSeconds: { primary: 0, workers: 1, redis: 0, load: 0 },
    lost: 0,
    unanswered: 0,
    void: [],
  };
}
