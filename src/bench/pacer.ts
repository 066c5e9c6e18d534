/**
 * Calls back when a post is due, to a tenth of a millisecond.
 *
 * A timer of the event loop comes up to a millisecond late, which is as long as what is
 * measured. So a thread sleeps until the time and wakes the loop; it costs nothing between.
 */
import { Worker } from 'node:worker_threads';

/** In a string, because a thread's file would have another name before and after the build. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const now = () => Number(process.hrtime.bigint() / 1000n);
const cell = new Int32Array(workerData.stop);
const { firstMicros, everyMicros, untilMicros } = workerData;
for (let due = firstMicros; due < untilMicros; due += everyMicros) {
  const wait = (due - now()) / 1000;
  if (wait > 0 && Atomics.wait(cell, 0, 0, wait) !== 'timed-out') break;
  parentPort.postMessage(due);
}
`;

export interface Pace {
  readonly firstMicros: number;
  readonly everyMicros: number;
  readonly untilMicros: number;
}

/** Resolves after the last; `signal` ends it before. */
export async function pace(
  { firstMicros, everyMicros, untilMicros }: Pace,
  onDue: (dueMicros: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const stop = new SharedArrayBuffer(4);
  const worker = new Worker(THREAD, {
    eval: true,
    workerData: { stop, firstMicros, everyMicros, untilMicros },
  });
  const abort = (): void => {
    Atomics.store(new Int32Array(stop), 0, 1);
    Atomics.notify(new Int32Array(stop), 0);
  };
  signal.addEventListener('abort', abort, { once: true });
  worker.on('message', onDue);
  try {
    await new Promise<void>((resolve, reject) => {
      worker.once('exit', () => resolve());
      worker.once('error', reject);
    });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
