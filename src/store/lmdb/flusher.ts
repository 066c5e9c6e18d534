/**
 * Makes commits durable: one flush of the data file at a time, shared by all who asked before
 * it began.
 *
 *     flush() ─▶ fdatasync ──────────▶ resolved
 *        flush(), flush() ─▶ (wait) ──▶ fdatasync ─▶ both resolved
 *
 * LMDB leaves its meta page to it (environment.ts): a commit has flushed its data before others
 * see it, and is on the disk when its meta page is.
 */
import { closeSync, fdatasync, openSync } from 'node:fs';
import { promisify } from 'node:util';

const dataSync = promisify(fdatasync);

export class Flusher {
  readonly #fd: number;
  readonly #sync: (fd: number) => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failures = 0;
  #hasFailed = false;

  /** `sync`: for tests. */
  constructor(path: string, sync: (fd: number) => Promise<void> = dataSync) {
    this.#fd = openSync(path, 'r+');
    this.#sync = sync;
  }

  /** To be taken when a commit begins, and given to its flush. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Since a flush failed none has succeeded. Linux takes pages that it could not write for clean:
   * a flush that succeeds later proves nothing about commits before it, only about new ones.
   */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /**
   * Resolves when a commit that ended before the call is on the disk. Rejects with the disk's
   * error, or when another flush failed since the commit began (`failures`).
   */
  async flush(failures: number): Promise<void> {
    await this.#share();
    if (failures !== this.#failures) throw new Error('the disk refused a flush meanwhile');
    this.#hasFailed = false;
  }

  /** Nothing may be asked afterwards. */
  async close(): Promise<void> {
    for (;;) {
      const last = this.#next ?? this.#running;
      if (last === undefined) break;
      await last.catch(() => {});
    }
    closeSync(this.#fd);
  }

  #share(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#begin();
    this.#next = this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#begin();
      });
    return this.#next;
  }

  #begin(): Promise<void> {
    this.#running = this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    try {
      await this.#sync(this.#fd);
    } catch (error) {
      this.#failures += 1;
      this.#hasFailed = true;
      throw error;
    } finally {
      this.#running = undefined;
    }
  }
}
