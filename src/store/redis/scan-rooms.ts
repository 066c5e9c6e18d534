/** All rooms of a Redis, server by server. */
import type { RoomId } from '../../chat/identity.ts';
import type { Keys } from './keys.ts';
import { listOf, textOf, textsOf } from './records.ts';
import type { RedisLink } from './redis-link.ts';

/** Keys that one SCAN looks at. */
const SCAN_COUNT = '1000';

/** Rejects with the first failure, when all servers have been visited as far as it goes. */
export async function scanRooms(
  link: RedisLink,
  keys: Keys,
  signal: AbortSignal,
  visit: (rooms: readonly RoomId[]) => Promise<void>,
): Promise<void> {
  const outcomes = await link.onEachNode(async (send) => {
    let cursor = '0';
    do {
      const scan = ['SCAN', cursor, 'MATCH', keys.metaPattern, 'COUNT', SCAN_COUNT];
      const [next, found] = listOf(await send(scan));
      cursor = textOf(next);
      await visit(textsOf(found).flatMap((key) => keys.roomOf(key) ?? []));
    } while (cursor !== '0' && !signal.aborted);
  });
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
