/** Whether the store answers: an empty transaction, now and then a small write, after a failure a large one. */
import { setTimeout } from 'node:timers/promises';
import { StoreUnavailable } from '../../chat/store-unavailable.ts';
import type { LmdbData } from './lmdb-data.ts';

const PING_MS = 2_000;
const PROBE_MS = 30_000;
const LARGE_PROBE = 'x'.repeat(262_144);

export class Probe {
  readonly #data: LmdbData;
  #probedAt = Number.NEGATIVE_INFINITY;
  /** Failures after which a probe was stored. */
  #excused = 0;

  constructor(data: LmdbData) {
    this.#data = data;
  }

  /** Rejects with `StoreUnavailable`. */
  async ping(): Promise<void> {
    // An empty transaction waits for the writer lock as every commit does. Whether the disk
    // takes anything is seen by a small write; not at each ping, so that an idle server is idle.
    // After a failure, by one that does not fit into pages that happen to be free.
    const { env, failures } = this.#data;
    this.#data.read(() => {
      env.checkFiles();
      env.checkSpace();
    });
    const isDoubtful = failures !== this.#excused;
    const isDue = isDoubtful || performance.now() - this.#probedAt >= PROBE_MS;
    const probe = (): void => {
      if (isDue) void env.probe.put('at', isDoubtful ? LARGE_PROBE : String(this.#data.now()));
    };
    // A worker that was killed and not replaced keeps what was freed since from being used.
    if (isDue) env.root.readerCheck();
    await within(this.#data.write(probe), PING_MS);
    this.#excused = failures;
    if (isDue) this.#probedAt = performance.now();
  }
}

async function within(task: Promise<void>, ms: number): Promise<void> {
  const abort = new AbortController();
  const late = setTimeout(ms, undefined, { signal: abort.signal }).then(
    () => {
      throw new StoreUnavailable(`no answer for ${ms} ms`);
    },
    () => {},
  );
  try {
    // Whoever loses may still reject, and is handled by the race.
    await Promise.race([task, late]);
  } finally {
    abort.abort();
  }
}
