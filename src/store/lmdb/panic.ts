/**
 * When LMDB gives up: a meta page that a disk refuses may be half written, and this process can
 * begin no transaction any more (MDB_PANIC), until another process opens the data.
 *
 * lmdb-js 3.5 says so badly. The refused commit fails with the disk's error alone. A transaction
 * that could not begin runs its callback all the same, with the number 0 and without the writer
 * lock; waited for on a thread, it never returns and takes the event loop with it.
 */
import { ABORT, type RootDatabase } from 'lmdb';

/** lmdb.h: "update of meta page failed or environment had fatal error". */
const MDB_PANIC = -30_795;
/** "Transaction must abort": something in it failed before. */
const MDB_BAD_TXN = -30_782;
/** In its list of free pages an entry without a number, or without a key. */
const MDB_NOTFOUND = -30_798;
const MDB_BAD_VALSIZE = -30_781;
const UNDONE: readonly unknown[] = [MDB_BAD_TXN, MDB_NOTFOUND, MDB_BAD_VALSIZE];

export class CannotBegin extends Error {
  readonly code = MDB_PANIC;

  /** `reason`: the failure that came before. */
  constructor(reason?: unknown) {
    const why = reason instanceof Error ? ` (${reason.message})` : '';
    super(`LMDB begins no transaction any more, a new process can${why}`, { cause: reason });
    this.name = 'CannotBegin';
  }
}

/** Inside a write transaction: its number. Throws `CannotBegin` where there is none. */
export function writeTransactionOf(root: Pick<RootDatabase, 'getWriteTxnId'>): number {
  const number = root.getWriteTxnId();
  if (number === 0) throw new CannotBegin();
  return number;
}

/** Tries it; the writer lock must be free. */
export function canBegin(root: Pick<RootDatabase, 'getWriteTxnId' | 'transactionSync'>): boolean {
  let number = 0;
  root.transactionSync(() => {
    number = root.getWriteTxnId();
    return ABORT;
  });
  return number !== 0;
}

export function isPanic(error: unknown): boolean {
  return codeOf(error) === MDB_PANIC;
}

/**
 * LMDB undid the transaction and nothing is wrong with the data or the disk: begun anew it goes
 * through. lmdb-js 3.5 reads its list of free pages while it is being rebalanced, now and then
 * meets an entry that is on its way, and gives up ("Invalid null txn id" or "Invalid zero size
 * key" on stderr).
 */
export function isUndone(error: unknown): boolean {
  return UNDONE.includes(codeOf(error));
}

/** LMDB's number of an error or of what caused it. */
function codeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined;
  return 'code' in error ? error.code : codeOf(error.cause);
}

/** LMDB says that a commit failed, and why in a promise of its own that must be caught too. */
export async function commitFailure(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (reason) {
    const why = reason instanceof Error ? reason.message : String(reason);
    return new Error(`${error.message.replace(' (see commitError for details)', '')}: ${why}`, {
      cause: reason,
    });
  }
}
