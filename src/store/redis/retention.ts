/** Retention in Redis: rooms are found by SCAN, and thinned in steps of a few milliseconds each. */
import type { RoomId } from '../../chat/identity.ts';
import type { RetentionPolicy } from '../../chat/store.ts';
import type { Keys } from './keys.ts';
import { listOf, textOf, textsOf } from './records.ts';
import type { RedisLink } from './redis-link.ts';
import type { RoomSteps } from './room-steps.ts';

/** Entries of one step. */
const STEP = 250;
/** Keys that one SCAN looks at. */
const SCAN_COUNT = '1000';

/** `relist`: puts a public room into its namespace's list again, should that have been cut short. */
export async function retainAll(
  link: RedisLink,
  keys: Keys,
  steps: RoomSteps,
  { maxAgeMs, maxMessages, maxBytes, idsMs }: RetentionPolicy,
  signal: AbortSignal,
  relist: (room: RoomId) => Promise<void>,
): Promise<void> {
  const limits = [maxAgeMs, maxMessages, maxBytes].map((limit) => limit?.toString() ?? '');
  const args = [...limits, String(idsMs), String(STEP)];
  const retainRoom = async (room: RoomId): Promise<void> => {
    while (!signal.aborted && (await steps.retain(room, args)));
    if (signal.aborted) return;
    const [seen] = await steps.views('', '', [room]);
    if (seen?.room.kind === 'public') await relist(room);
  };
  const outcomes = await link.onEachNode(async (send) => {
    let cursor = '0';
    do {
      const [next, found] = listOf(
        await send(['SCAN', cursor, 'MATCH', keys.metaPattern, 'COUNT', SCAN_COUNT]),
      );
      cursor = textOf(next);
      for (const key of textsOf(found)) {
        if (signal.aborted) return;
        const room = keys.roomOf(key);
        if (room !== undefined) await retainRoom(room);
      }
    } while (cursor !== '0' && !signal.aborted);
  });
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
