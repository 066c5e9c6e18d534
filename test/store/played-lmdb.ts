/** A write queue over an LMDB that is played: it fails when and as a test says. */
import { ABORT } from 'lmdb';
import type { Environment } from '../../src/store/lmdb/environment.ts';
import { writeTransactionOf } from '../../src/store/lmdb/panic.ts';
import { WriteQueue } from '../../src/store/lmdb/write-queue.ts';

interface Played {
  /** The number that a callback sees; 0 where LMDB refused to begin. */
  number: number;
  /** What a commit fails with. */
  failure: Error | undefined;
  /** Such a failure is LMDB's last. */
  ends: boolean;
  isStalled: boolean;
  readonly ways: string[];
}

export function play(): { played: Played; queue: WriteQueue; panics: Error[] } {
  const played: Played = { number: 1, failure: undefined, ends: true, isStalled: false, ways: [] };
  const transaction = (way: string, steps: () => unknown): unknown => {
    played.ways.push(way);
    if (steps() === ABORT) return ABORT;
    if (played.failure === undefined) return undefined;
    if (played.ends) played.number = 0;
    throw played.failure;
  };
  const root = {
    getWriteTxnId: () => played.number,
    transactionSync: (steps: () => unknown) => transaction('at once', steps),
    childTransaction: async (steps: () => unknown) => transaction('by a thread', steps),
  };
  const env = {
    root,
    base: { mend: () => writeTransactionOf(root) === -1 },
    lock: { isFree: () => true, isWanted: () => false },
    flusher: {
      get isStalled() {
        return played.isStalled;
      },
    },
  };
  const panics: Error[] = [];
  const queue = new WriteQueue(env as unknown as Environment, () => {}, {
    onPanic: (error) => panics.push(error),
  });
  return { played, queue, panics };
}
