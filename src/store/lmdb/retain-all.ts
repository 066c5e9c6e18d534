/** Retention of all rooms, some at a time: what is due is read, and taken away step by step. */
import { setImmediate as turn } from 'node:timers/promises';
import type { RoomId } from '../../chat/identity.ts';
import type { RetentionPolicy } from '../../chat/store-types.ts';
import type { LmdbData } from './lmdb-data.ts';
import { dueRooms, retainStep } from './retention.ts';

export async function retainAll(data: LmdbData, policy: RetentionPolicy, signal: AbortSignal): Promise<void> {
  const { env, now } = data;
  let last: RoomId | undefined;
  do {
    if (signal.aborted) return;
    const after = last;
    const found = data.read(() => dueRooms(env, after, policy, now()));
    let due = found.due;
    while (due.length > 0 && !signal.aborted) {
      const rooms = due;
      due = await data.write(() => retainStep(env, rooms, policy, now()));
    }
    last = found.last;
    // Others have their turn, however many rooms there are.
    await turn();
  } while (last !== undefined);
}
