/**
 * How much memory V8 may give to what is new (its young generation: two halves of the same size).
 * By default up to 32 MB a process, which an idle server keeps though it needs none of it.
 */
import { setFlagsFromString } from 'node:v8';

/** Megabytes of a worker's half: less costs throughput in a flood, more brings none (docs/performance.md). */
const WORKER_MB = 8;
const OPTION = 'max-semi-space-size';

/** Arguments of Node for workers: those of this process, and the size unless somebody chose one. */
export function workerArguments(
  inherited: readonly string[] = process.execArgv,
  nodeOptions = process.env.NODE_OPTIONS ?? '',
): string[] {
  const chosen = [...inherited, nodeOptions].some((argument) =>
    argument.replaceAll('_', '-').includes(OPTION),
  );
  return chosen ? [...inherited] : [...inherited, `--${OPTION}=${WORKER_MB}`];
}

/** The primary passes sockets on and keeps nothing; its half stays at the 1 MB it begins with. */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
