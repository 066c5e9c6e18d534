/**
 * Whoever opens the data tells all others an older commit than the newest one, if one ends at the
 * same time: mdb_env_open2 of lmdb-js 3.5 sets the shared `mti_txnid` to what it read of the file
 * a moment before. The next transaction would build on the older commit and undo the newer one.
 *
 * So every transaction looks, with the writer lock held, whether it builds on the newest; if not,
 * it puts the shared number right, in the lock file where LMDB maps it, and is to begin again.
 */
import { readSync, writeSync } from 'node:fs';
import type { RootDatabase } from 'lmdb';
import { lockFile } from './lock-file.ts';
import { readNewestCommit } from './meta-page.ts';
import { writeTransactionOf } from './panic.ts';

const MAGIC = 0xbeef_c0de;
/** `MDB_txbody`: magic, format, and the newest commit's number, 64 bits. */
const HEAD_BYTES = 16;
const COMMIT_AT = 8;

export class StaleBase {
  readonly #root: RootDatabase;
  readonly #fd: number;
  readonly #lockPath: string;

  /** `lockPath`: the lock file; `fd`: the data file. */
  constructor(root: RootDatabase, lockPath: string, fd: number) {
    this.#root = root;
    this.#fd = fd;
    this.#lockPath = lockPath;
  }

  /** Inside a write transaction. True: it was put right; abort, and begin again. Throws `CannotBegin`. */
  mend(): boolean {
    const present = writeTransactionOf(this.#root);
    const newest = readNewestCommit(this.#fd);
    if (present === newest + 1) return false;
    const fd = lockFile(this.#lockPath);
    const head = Buffer.alloc(HEAD_BYTES);
    readSync(fd, head, 0, HEAD_BYTES, 0);
    if (head.readUInt32LE(0) !== MAGIC) throw new Error(`${this.#lockPath} is not what lmdb-js 3 makes`);
    head.writeBigUInt64LE(BigInt(newest), COMMIT_AT);
    writeSync(fd, head, COMMIT_AT, HEAD_BYTES - COMMIT_AT, COMMIT_AT);
    return true;
  }
}
