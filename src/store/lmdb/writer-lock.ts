/**
 * Whether LMDB's one writer lock is free at this moment: then a commit is made at once, on the
 * event loop, instead of by way of a thread that waits for the lock and back (about 0.3 ms when
 * idle, during which nobody else can write).
 *
 * It is a robust mutex of glibc in the lock file; its word holds the owner's thread id, 0 when
 * free (futex(2), `FUTEX_TID_MASK`). Where it lies depends on the machine, so it is looked for
 * while this process holds it. Not found (musl, macOS, a worker thread): never said to be free.
 *
 * A look is not a lock: another may take it in between. Then LMDB waits for that commit, on the
 * event loop, which is what a commit of our own costs too.
 */
import { readSync } from 'node:fs';
import { lockFile } from './lock-file.ts';

/** `mt2_wmutex` of `MDB_txninfo`, behind a body of one or of two cache lines (x64, arm64). */
const PLACES = [64, 128];
const OWNER = 0x3fff_ffff;
const WAITERS = 0x8000_0000;

export class WriterLock {
  readonly #fd: number;
  readonly #word = Buffer.alloc(4);
  #at: number | undefined;

  /** `path`: the lock file, which is there. */
  constructor(path: string) {
    this.#fd = lockFile(path);
  }

  /** Inside a write transaction that was begun on this thread. */
  find(): void {
    this.#at = PLACES.find((at) => (this.#read(at) & OWNER) === process.pid);
  }

  /** Nobody holds it. */
  isFree(): boolean {
    return this.#at !== undefined && this.#read(this.#at) === 0;
  }

  /** While it is held here: another waits for it. */
  isWanted(): boolean {
    return this.#at !== undefined && (this.#read(this.#at) & WAITERS) !== 0;
  }

  #read(at: number): number {
    readSync(this.#fd, this.#word, 0, 4, at);
    return this.#word.readUInt32LE(0);
  }
}
