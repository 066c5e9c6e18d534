/** Results for tests of what is made of them. */
import type { Mode } from '../../src/bench/compare-options.ts';
import type { IdleResult } from '../../src/bench/scenario.ts';

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
    connectionsPerSecond: 100,
    void: reasons,
  };
}
