/** What all feeds of a worker share. */
import type { Gate } from './gate.ts';
import type { RoomId } from './identity.ts';
import type { EncodeEvent, EncodeMessages } from './outlet.ts';
import type { RecentLimits } from './recent-entries.ts';
import type { Store } from './store.ts';

export interface FeedContext {
  readonly store: Store;
  readonly encode: EncodeMessages;
  readonly encodeEvent: EncodeEvent;
  /** Store reads at once. */
  readonly reads: Gate;
  /** Runs the task in the worker's next turn of sending (send-turns.ts). */
  readonly inTurn: (task: () => void) => void;
  /** Whether entries may be handed on now, and when they may again (orders.ts). */
  readonly isGood: () => boolean;
  readonly whenGood: (task: () => void) => void;
  /** Resolves after so many milliseconds. Time is not known in here. */
  readonly wait: (ms: number) => Promise<void>;
  readonly limits: FeedLimits;
  readonly onRepair?: ((room: RoomId, entries: number) => void) | undefined;
  /** A failure that is ours; store outages are not. */
  readonly onFault: (error: unknown) => void;
}

export interface FeedLimits extends RecentLimits {
  /** Messages in one event, and entries in one page. */
  readonly maxBatch: number;
  readonly maxPageBytes: number;
  /** Batches held while a gap is repaired; more are dropped and read from the store. */
  readonly maxHeld: number;
  /** A gap is often closed by a batch that is on its way: how long to wait before reading. */
  readonly gapGraceMs: number;
}

export const DEFAULT_FEED_LIMITS: FeedLimits = {
  maxBatch: 500,
  maxPageBytes: 262_144,
  maxHeld: 64,
  maxRecent: 500,
  maxRecentBytes: 131_072,
  gapGraceMs: 10,
};
