/** Takes back what is held against users of a room and is over, some at a time. */
import type { RoomId } from '../../chat/identity.ts';
import { isOver } from '../../chat/rights.ts';
import { chunks } from './chunks.ts';
import { GOVERN_SCRIPTS } from './govern-scripts.ts';
import type { Keys } from './keys.ts';
import { listOf, sanctionOf, textOf, textsOf } from './records.ts';
import type { RedisLink } from './redis-link.ts';
import { runOnRoom } from './room-script.ts';

/** Fields that one HSCAN looks at. */
const SCAN_COUNT = '1000';
/** Users of one step. */
const STEP = 500;

/** Of how many it was over. The clock that counts is that of Redis. */
export async function endOverSanctions(link: RedisLink, keys: Keys, room: RoomId): Promise<number> {
  const key = keys.room(room, 'members');
  let ended = 0;
  let cursor = '0';
  do {
    const scan = ['HSCAN', key, cursor, 'MATCH', 'x:*', 'COUNT', SCAN_COUNT];
    const [next, found] = listOf(await link.send(key, scan));
    for (const part of chunks(usersOver(textsOf(found)), STEP))
      ended += Number(await runOnRoom(link, keys, GOVERN_SCRIPTS.endSanctions, room, part));
    cursor = textOf(next);
  } while (cursor !== '0');
  return ended;
}

/** Field and value by turns. */
function usersOver(found: readonly string[]): string[] {
  return chunks(found, 2).flatMap(([field = '', text = '']) =>
    isOver(sanctionOf(text), Date.now()) ? [field.slice('x:'.length)] : [],
  );
}
