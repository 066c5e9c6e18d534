/** Running a script on one room's keys. */
import { randomBytes } from 'node:crypto';
import type { RoomId } from '../../chat/identity.ts';
import { type Keys, ROOM_KEYS } from './keys.ts';
import type { RedisLink } from './redis-link.ts';
import type { Script } from './script.ts';

/** KEYS: ROOM_KEYS, ARGV: a nonce, then `args`. */
export function runOnRoom(
  link: RedisLink,
  keys: Keys,
  script: Script,
  room: RoomId,
  args: readonly string[],
): Promise<unknown> {
  return link.run(
    script,
    ROOM_KEYS.map((key) => keys.room(room, key)),
    [nonce(), ...args],
  );
}

/** Part of the name of an epoch that the script may have to open. */
export function nonce(): string {
  return randomBytes(5).toString('hex');
}
