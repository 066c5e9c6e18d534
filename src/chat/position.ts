/**
 * What a position means in a room's present life.
 *
 * A room keeps the chain of its epochs, each with its base: the last seq that survived from
 * before it. A position holds up to the lowest base of all later epochs; what lies above is
 * void and has to be said aloud (G12). Pure: both stores and every feed use this one rule.
 */
import type { Position } from '../protocol/words.ts';

/** One epoch of a room's chain. `base`: the last seq that was there when it began. */
export interface EpochMark {
  readonly epoch: string;
  readonly base: number;
}

/** What is needed of a room to place a position in it. */
export interface LogExtent {
  /** All epochs that are remembered, oldest first; the last is the present one. Never empty. */
  readonly chain: readonly EpochMark[];
  /** Newest seq, 0 in an empty room. */
  readonly head: number;
  /** Oldest seq that is retained, else head + 1. */
  readonly first: number;
}

/** A stretch of the log that a receiver misses; see `Lost` for the wire. */
export interface Loss {
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly reason: 'retention' | 'epoch';
  readonly next: Position;
}

export interface Settled {
  /** The same place, in the present epoch; the next entry to hand on is `seq + 1`. */
  readonly position: Position;
  /** To be announced, in this order, before anything else is handed on. */
  readonly losses: readonly Loss[];
}

/**
 * The name of an epoch that begins at `atMs`: opaque on the wire. The time in it tells of an
 * epoch that this room's chain never had (its branch was lost with a restored backup) which
 * of the chain's epochs are later than it.
 */
export function epochName(atMs: number, nonce: string): string {
  return `${Math.trunc(atMs).toString(36)}-${nonce}`;
}

/** When an epoch began, ms since 1970; undefined for a name that we never gave. */
export function epochBegan(epoch: string): number | undefined {
  const match = /^([0-9a-z]{8,9})-[0-9a-z]{6,}$/.exec(epoch);
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 36);
}

/** The last seq up to which positions of `epoch` hold; Infinity in the present epoch. */
export function validUpTo(chain: readonly EpochMark[], epoch: string): number {
  const index = chain.findIndex((mark) => mark.epoch === epoch);
  if (index >= 0) return lowestBase(chain.slice(index + 1));
  const present = chain.at(-1)?.base ?? 0;
  const began = epochBegan(epoch);
  if (began === undefined) return present;
  // A lost branch: it had already begun when the chain's later epochs did, so it shares at
  // most what lies under all of them. One that nothing is later than is held to the present.
  const later = chain.filter((mark) => (epochBegan(mark.epoch) ?? 0) >= began);
  return later.length === 0 ? present : lowestBase(later);
}

function lowestBase(marks: readonly EpochMark[]): number {
  return marks.reduce((lowest, mark) => Math.min(lowest, mark.base), Number.POSITIVE_INFINITY);
}

export function presentEpoch(chain: readonly EpochMark[]): string {
  const mark = chain.at(-1);
  if (mark === undefined) throw new Error('a room without an epoch');
  return mark.epoch;
}

/**
 * Brings a position into the present epoch. `seq: 0` without an epoch is a wish, everything
 * that is retained, and loses nothing; with one it is a place like any other (a cursor).
 */
export function settle(log: LogExtent, position: Position): Settled {
  const epoch = presentEpoch(log.chain);
  if (position.seq <= 0 && position.epoch === '')
    return { position: { epoch, seq: log.first - 1 }, losses: [] };
  const losses: Loss[] = [];
  let seq = position.seq;
  const valid = validUpTo(log.chain, position.epoch);
  if (seq > valid) {
    losses.push({
      epoch: position.epoch,
      from: valid + 1,
      to: seq,
      reason: 'epoch',
      next: { epoch, seq: valid },
    });
    seq = valid;
  }
  if (seq > log.head) seq = log.head;
  const loss = retentionLoss(log, seq);
  if (loss !== undefined) {
    losses.push(loss);
    seq = loss.to;
  }
  return { position: { epoch, seq }, losses };
}

/** What retention took between `seq` (had) and the oldest entry that is left. */
export function retentionLoss(log: LogExtent, seq: number): Loss | undefined {
  if (seq + 1 >= log.first) return undefined;
  const epoch = presentEpoch(log.chain);
  const to = log.first - 1;
  return { epoch, from: seq + 1, to, reason: 'retention', next: { epoch, seq: to } };
}

/** Whether `a` lies further than `b` in this room: a later epoch is forwards. */
export function isFurther(chain: readonly EpochMark[], a: Position, b: Position): boolean {
  const ranks = [a, b].map((position) => chain.findIndex((mark) => mark.epoch === position.epoch));
  const [rankA = -1, rankB = -1] = ranks;
  return rankA === rankB ? a.seq > b.seq : rankA > rankB;
}
