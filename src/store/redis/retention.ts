/** Retention in Redis: rooms are found by SCAN, and thinned in steps of a few milliseconds each. */
import type { RoomId } from '../../chat/identity.ts';
import { StoreUnavailable } from '../../chat/store-unavailable.ts';
import type { RetentionPolicy } from '../../chat/store-types.ts';
import { chunks } from './chunks.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './redis-link.ts';
import { scanRooms } from './scan-rooms.ts';
import type { RoomSteps } from './room-steps.ts';

/** Entries of one step. */
const STEP = 250;

/** Rooms that are looked at together; each step still is one of its own. */
const WINDOW = 8;

/** `relist`: puts public rooms into their namespaces' lists again, should that have been cut short. */
export async function retainAll(
  link: RedisLink,
  keys: Keys,
  steps: RoomSteps,
  { maxAgeMs, maxMessages, maxBytes, idsMs }: RetentionPolicy,
  signal: AbortSignal,
  relist: (rooms: readonly RoomId[]) => Promise<void>,
): Promise<void> {
  const limits = [maxAgeMs, maxMessages, maxBytes].map((limit) => limit?.toString() ?? '');
  const args = [...limits, String(idsMs), String(STEP)];
  const retainRoom = async (room: RoomId): Promise<boolean> => {
    while (!signal.aborted) {
      const step = await steps.retain(room, args);
      if (step?.isMore !== true) return step?.isPublic === true;
    }
    return false;
  };
  // A full Redis does not take names; that must not keep it from being thinned.
  let canList = true;
  await scanRooms(link, keys, signal, async (rooms) => {
    for (const part of chunks(rooms, WINDOW)) {
      if (signal.aborted) return;
      const isPublic = await Promise.all(part.map(retainRoom));
      if (canList) canList = await isDone(relist(part.filter((_, i) => isPublic[i])));
    }
  });
}

async function isDone(task: Promise<void>): Promise<boolean> {
  try {
    await task;
    return true;
  } catch (error) {
    if (error instanceof StoreUnavailable) return false;
    throw error;
  }
}
