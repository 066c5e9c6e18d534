/**
 * What V8 is told: it takes each process for the only one on the machine, while here there is a
 * worker for each core. Somebody who sets one of these otherwise (`NODE_OPTIONS`, `node --…`) is
 * heard.
 */
import { setFlagsFromString } from 'node:v8';

const WORKER_SETTINGS = {
  /**
   * Megabytes of each half of the young heap, 16 by default, which an idle server keeps. Less
   * costs throughput in a flood, more brings none (docs/performance.md).
   */
  'max-semi-space-size': 8,
  /** Threads that help to collect garbage, 4 by default: they compete with the other workers. */
  'v8-pool-size': 1,
};

/** Arguments of Node for workers: those of this process, and what nobody has set. */
export function workerArguments(
  inherited: readonly string[] = process.execArgv,
  nodeOptions = process.env.NODE_OPTIONS ?? '',
): string[] {
  const set = [...inherited, nodeOptions].join(' ').replaceAll('_', '-');
  const ours = Object.entries(WORKER_SETTINGS).filter(([name]) => !set.includes(name));
  return [...inherited, ...ours.map(([name, value]) => `--${name}=${value}`)];
}

/** The primary passes sockets on and keeps nothing; its half stays at the 1 MB it begins with. */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
