/**
 * Makes commits durable, outside of LMDB's writer lock: one flush at a time, shared by all who
 * asked before it began.
 *
 *     flush() ─▶ pin ─▶ meta page ─▶ fdatasync data ─▶ record, at once on disk ─▶ unpin the last ─▶ resolved
 *        flush(), flush() ─▶ (wait) ─────────────────────────────────────────────▶ the next, for both
 *
 * A flush costs the processor as much as two commits, so while they come one by one the next
 * waits a little for more to share it; when nothing was flushed lately, or many wait, it does not.
 * What is no post waits longer: when thousands come at once, they come a few at a time.
 *
 * LMDB itself flushes nothing (environment.ts): the system writes its pages in any order, so that
 * a crash of the machine may leave a file of bits of several commits. What keeps one whole:
 *
 * - A read transaction pins a snapshot: LMDB uses no page again that it or a later one needs.
 * - The commit that is recorded is not older than the pin, and its pages were flushed before.
 * - The pin is moved on only when a newer commit is recorded.
 * - Every process has its pin and its record before it writes first. So whoever writes protects
 *   what it recorded itself and everything after, also what those recorded who died since.
 *
 * The newest record of all is therefore whole, and recovery.ts puts it back.
 */
import { closeSync, existsSync, fdatasync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RootDatabase, Transaction } from 'lmdb';
import { FlushedRecord, leftRecords, removeRecords, type Origin } from './flushed-record.ts';
import { readNewestMeta, type Meta } from './meta-page.ts';
import { FAILED_FILE } from './recovery.ts';

export type Sync = (fd: number, what: 'data' | 'record') => Promise<void>;

const flushFile = promisify(fdatasync);

/** The record is opened so that its writes are on the disk when they end. */
const syncData: Sync = async (fd, what) => {
  if (what === 'data') await flushFile(fd);
};

const STALLED_MS = 100;
const APART_MS = 10;
/** While no post waits. */
const PATIENT_MS = 25;
/** Posts that are not kept waiting for more. */
const MANY = 32;

export interface FlusherOptions {
  readonly origin: Origin;
  /** For tests, in the place of the disk's own word. Default: fdatasync of the data. */
  readonly sync?: Sync | undefined;
  /** Milliseconds from the beginning of a flush to the next, unless many posts wait for it. Default 10. */
  readonly apartMs?: number | undefined;
  /** The same while no post waits at all. Default 25, or `apartMs` where that is longer. */
  readonly patientMs?: number | undefined;
}

export class Flusher {
  readonly #root: RootDatabase;
  readonly #failedFile: string;
  readonly #fd: number;
  readonly #record: FlushedRecord;
  readonly #sync: Sync;
  readonly #apartMs: number;
  readonly #patientMs: number;
  #pin: Transaction | undefined;
  /** The commit that is recorded. */
  #recorded = -1;
  #running: Promise<void> | undefined;
  /** When the last one began, by `performance.now()`. */
  #since = Number.NEGATIVE_INFINITY;
  #next: Promise<void> | undefined;
  /** Posts that wait for the next. */
  #waiting = 0;
  /** Ends the wait for more. */
  #hurry: (() => void) | undefined;
  #isClosing = false;
  #failure: Error | undefined;

  private constructor(
    root: RootDatabase,
    dir: string,
    fd: number,
    { origin, sync = syncData, apartMs = APART_MS, patientMs = PATIENT_MS }: FlusherOptions,
  ) {
    this.#root = root;
    this.#failedFile = join(dir, FAILED_FILE);
    this.#sync = sync;
    this.#apartMs = apartMs;
    this.#patientMs = Math.max(apartMs, patientMs);
    this.#fd = fd;
    this.#record = new FlushedRecord(dir, origin);
  }

  /** Nothing may be written before this resolves. `fd`: the data file; the flusher closes it. */
  static async open(root: RootDatabase, dir: string, fd: number, options: FlusherOptions): Promise<Flusher> {
    const left = leftRecords(dir);
    const flusher = new Flusher(root, dir, fd, options);
    try {
      await flusher.flush();
    } catch (error) {
      // Who opened the descriptor closes it.
      flusher.#record.close();
      throw error;
    }
    removeRecords(dir, left);
    return flusher;
  }

  /** Throws when nothing more can be made durable, until the server starts again. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** A flush takes so long that the disk must be standing still. */
  get isStalled(): boolean {
    return this.#running !== undefined && performance.now() - this.#since > STALLED_MS;
  }

  /**
   * Resolves when every commit that ended before the call is on the disk; rejects with the reason.
   * `posts`: how many wait for it; 0: what is none, and may wait longer.
   */
  flush(posts = 0): Promise<void> {
    const isFirst = this.#waiting === 0 && posts > 0;
    this.#waiting += posts;
    if (isFirst || this.#waiting >= MANY) this.#hurry?.();
    this.#next ??= this.#plan();
    return this.#next;
  }

  /** Nothing may be asked afterwards. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (;;) {
      this.#hurry?.();
      const last = this.#next ?? this.#running;
      if (last === undefined) break;
      await last.catch(() => {});
    }
    this.#pin?.done();
    this.#record.close();
    closeSync(this.#fd);
  }

  async #plan(): Promise<void> {
    await this.#running?.catch(() => {});
    await this.#forMore();
    this.#next = undefined;
    await this.#begin();
  }

  async #forMore(): Promise<void> {
    while (this.#waiting < MANY && !this.#isClosing) {
      const apart = this.#waiting > 0 ? this.#apartMs : this.#patientMs;
      const left = this.#since + apart - performance.now();
      if (left < 1) return;
      await this.#pause(left);
    }
  }

  /** Until then, or until there is a reason to look again. */
  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hurry = undefined;
  }

  #begin(): Promise<void> {
    this.#waiting = 0;
    this.#since = performance.now();
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    this.check();
    const pin = this.#pinNewest();
    try {
      const meta = readNewestMeta(this.#fd);
      if (meta.commit === this.#recorded) return pin.done();
      await this.#flushTo(meta);
    } catch (error) {
      pin.done();
      throw error;
    }
    this.#pin?.done();
    this.#pin = pin;
  }

  #pinNewest(): Transaction {
    this.#root.resetReadTxn();
    const pin = this.#root.useReadTransaction();
    // Detached at once: until it is, opening a table ends the present read transaction.
    this.#root.resetReadTxn();
    return pin;
  }

  async #flushTo(meta: Meta): Promise<void> {
    try {
      await this.#sync(this.#fd, 'data');
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    // Whoever opened the file after another's flush had failed is not told so by its own.
    if (existsSync(this.#failedFile)) this.#fail(new Error('another worker was told so'));
    this.check();
    await this.#record.write(meta, (fd) => this.#sync(fd, 'record'));
    this.#recorded = meta.commit;
  }

  /**
   * Linux takes pages that it could not write for clean: no later flush proves anything about
   * them, nor about commits that build on them. Others who have the file open are told the same
   * by their next flush; those who open it from now on are not, so it is written down.
   */
  #fail(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#failure = new Error(
      `the disk refused a flush (${why}); nothing more can be stored until the server is started again`,
    );
    try {
      writeFileSync(this.#failedFile, `${why}\n`);
    } catch {
      // Nor can anybody who opens the data write a record there.
    }
  }
}
