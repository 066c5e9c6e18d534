/** The newest entries that a feed handed on, without a hole, for sockets that are about to go live. */
import { entriesAfter } from './batch.ts';
import type { Entry } from './entry.ts';

export interface RecentLimits {
  readonly maxRecent: number;
  readonly maxRecentBytes: number;
}

export class RecentEntries {
  readonly #limits: RecentLimits;
  #entries: Entry[] = [];
  #bytes = 0;

  constructor(limits: RecentLimits) {
    this.#limits = limits;
  }

  /** Those after `seq`; undefined: the next one after it is not here. */
  after(seq: number): readonly Entry[] | undefined {
    const oldest = this.#entries[0]?.seq;
    return oldest === undefined || oldest > seq + 1 ? undefined : entriesAfter(this.#entries, seq);
  }

  /** `entries` continue what is here. */
  add(entries: readonly Entry[]): void {
    for (const entry of entries) {
      // What was deleted is not sent from here any more; the store knows what is left of it.
      if (entry.erases === true) this.forget();
      this.#entries.push(entry);
      this.#bytes += entry.json.length;
    }
    let drop = 0;
    const { maxRecent, maxRecentBytes } = this.#limits;
    while (this.#entries.length - drop > maxRecent || this.#bytes > maxRecentBytes) {
      this.#bytes -= this.#entries[drop]?.json.length ?? 0;
      drop += 1;
    }
    if (drop > 0) this.#entries = this.#entries.slice(drop);
  }

  forget(): void {
    this.#entries = [];
    this.#bytes = 0;
  }
}
