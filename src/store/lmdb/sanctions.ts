/** Takes back what is held against users of a room and is over, some at a time. */
import { setImmediate as turn } from 'node:timers/promises';
import type { RoomId } from '../../chat/identity.ts';
import { isOver } from '../../chat/rights.ts';
import { endSanctions } from './govern-step.ts';
import type { LmdbData } from './lmdb-data.ts';

/** Users looked at in one turn of the event loop. */
const LOOK = 1_000;

/** Of how many it was over. */
export async function endOverSanctions(data: LmdbData, room: RoomId): Promise<number> {
  const { env, now } = data;
  let ended = 0;
  let after = '';
  for (;;) {
    const start: [RoomId, string] = [room, after];
    const found = data.read(() => [
      ...env.sanctions.getRange({ start, exclusiveStart: true, end: [room, '\uffff'], limit: LOOK }),
    ]);
    const over = found.filter(({ value }) => isOver(value, now())).map(({ key: [, user] }) => user);
    if (over.length > 0) ended += await data.write(() => endSanctions(env, room, over, now()));
    const last = found.at(-1);
    if (last === undefined || found.length < LOOK) return ended;
    [, after] = last.key;
    await turn();
  }
}
