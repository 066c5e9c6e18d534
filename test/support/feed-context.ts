/** What feeds need besides a store, for tests. */
import { setTimeout as pause } from 'node:timers/promises';
import { DEFAULT_FEED_LIMITS, type FeedContext } from '../../src/chat/feed-context.ts';
import { Gate } from '../../src/chat/gate.ts';
import { encodeEvent, encodeMessages } from '../../src/edge/wire-encoder.ts';

/** What is handed on goes out at once. */
export function feedContext({ store, onFault }: Pick<FeedContext, 'store' | 'onFault'>): FeedContext {
  return {
    store,
    onFault,
    encode: encodeMessages,
    encodeEvent,
    reads: new Gate(4),
    isGood: () => true,
    whenGood: (task) => task(),
    inTurn: (task) => task(),
    wait: (ms) => pause(ms),
    limits: DEFAULT_FEED_LIMITS,
  };
}
