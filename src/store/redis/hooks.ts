/** Up to where receivers of hooks have the logs: in each room's own record. */
import type { RoomId } from '../../chat/identity.ts';
import type { HookMove } from '../../chat/store-types.ts';
import type { Position } from '../../protocol/words.ts';
import { inWindows } from './chunks.ts';
import type { Keys } from './keys.ts';
import { positionOf } from './records.ts';
import type { RedisLink } from './redis-link.ts';
import { Script } from './script.ts';

/** KEYS: hooks. ARGV: hook. Answers since when. */
const REGISTER = new Script(
  'registerHook',
  `
local t = redis.call('TIME')
redis.call('HSETNX', KEYS[1], ARGV[1], string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)))
return redis.call('HGET', KEYS[1], ARGV[1])
`,
);

/** KEYS: meta. ARGV: field, the place it was (empty: none), the place. A room that is not there, any more, gets none. */
const MOVE = new Script(
  'moveHook',
  `
local kind = redis.call('HGET', KEYS[1], 'kind')
if not kind or kind == 'deleted' then return 0 end
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
`,
);

export async function registerHook(link: RedisLink, keys: Keys, hook: string): Promise<number> {
  return Number(await link.run(REGISTER, [keys.hooks], [hook]));
}

export function hookPlaces(
  link: RedisLink,
  keys: Keys,
  hook: string,
  rooms: readonly RoomId[],
): Promise<(Position | undefined)[]> {
  return inWindows(rooms, async (room) => {
    const key = keys.room(room, 'meta');
    const place = await link.send(key, ['HGET', key, `h:${hook}`]);
    return typeof place === 'string' ? positionOf(place) : undefined;
  });
}

export async function moveHook(
  link: RedisLink,
  keys: Keys,
  hook: string,
  room: RoomId,
  { from, to }: HookMove,
): Promise<void> {
  const textOf = ({ epoch, seq }: Position): string => `${epoch} ${seq}`;
  const places = [from === undefined ? '' : textOf(from), textOf(to)];
  await link.run(MOVE, [keys.room(room, 'meta')], [`h:${hook}`, ...places]);
}
