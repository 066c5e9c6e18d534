/** Where rooms' logs end: of rooms that are asked for, and of all. */
import type { RoomId } from '../../chat/identity.ts';
import type { RoomHead, ScannedRoom } from '../../chat/store-types.ts';
import { readMany } from './bulk.ts';
import type { Keys } from './keys.ts';
import { positionOf } from './records.ts';
import type { RedisLink } from './redis-link.ts';
import { scanRooms } from './scan-rooms.ts';

/** In the order asked; undefined: no such room, or its server did not answer. */
export async function readHeads(
  link: RedisLink,
  keys: Keys,
  rooms: readonly RoomId[],
): Promise<(RoomHead | undefined)[]> {
  const heads = await readMany(
    link,
    rooms.map((room) => keys.room(room, 'head')),
  );
  return heads.map((text) => {
    if (typeof text !== 'string') return undefined;
    const { epoch, seq } = positionOf(text);
    return { epoch, head: seq };
  });
}

/** As `scanRooms`, with the heads. */
export async function scanHeads(
  link: RedisLink,
  keys: Keys,
  signal: AbortSignal,
  visit: (rooms: readonly ScannedRoom[]) => Promise<void>,
): Promise<void> {
  await scanRooms(link, keys, signal, async (rooms) => {
    const heads = await readHeads(link, keys, rooms);
    await visit(
      rooms.flatMap((room, i): ScannedRoom[] => {
        const head = heads[i];
        return head === undefined ? [] : [{ room, ...head }];
      }),
    );
  });
}
