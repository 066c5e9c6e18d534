/**
 * Work that comes round: each task again and again, the next turn a while after the last one
 * ended, so a slow store is never asked twice at once. Failures are told and the beat goes on.
 */
import { setMaxListeners } from 'node:events';

export class Beat {
  readonly #abort = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor() {
    // Every pause listens, one for each loop and each feed that waits; Node would warn at eleven.
    setMaxListeners(0, this.#abort.signal);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Runs `task` every `everyMs`, measured from start to start unless a turn takes longer. */
  every(everyMs: number, task: () => void | Promise<void>, onFault: (error: unknown) => void): void {
    const loop = this.#loop(everyMs, task, onFault);
    this.#running.add(loop);
    void loop.finally(() => this.#running.delete(loop));
  }

  /** Ends all loops; resolves when no task is running any more. Twice is the same as once. */
  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#running);
  }

  async #loop(
    everyMs: number,
    task: () => void | Promise<void>,
    onFault: (error: unknown) => void,
  ): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const began = performance.now();
      try {
        await task();
      } catch (error) {
        onFault(error);
      }
      await pause(Math.max(everyMs - (performance.now() - began), everyMs / 10), this.#abort.signal);
    }
  }
}

/** Resolves after `ms`, or at once when the signal fires. Holds no process alive. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
