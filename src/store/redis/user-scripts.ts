/**
 * The scripts on one user's index of rooms and devices. KEYS: index, version.
 *
 * An entry is marked pending before the room is asked to change the membership, and settled
 * after by whoever marked it last; one that nobody settled is rechecked by every reader. So the
 * index never lacks a room that the user is a member of.
 */
import { NOW, Script } from './script.ts';

/**
 * ARGV: room, nonce, how long the change may take, most rooms (empty: only an entry that exists),
 * 1: only one that is settled. Answers the pending entry, full or none.
 */
const MARK = `
local field, max = 'r:' .. ARGV[1], tonumber(ARGV[4])
local known = redis.call('HGET', KEYS[1], field)
if ARGV[5] == '1' and known and string.sub(known, 1, 2) == 'p ' then return 'none' end
local rooms = tonumber(redis.call('HGET', KEYS[1], 'n') or '0')
if not known then
  if not max then return 'none' end
  if rooms >= max then return 'full' end
  rooms = rooms + 1
end
local entry = 'p ' .. int(now() + tonumber(ARGV[3])) .. ' ' .. ARGV[2]
redis.call('HSET', KEYS[1], field, entry, 'n', int(rooms))
redis.call('INCR', KEYS[2])
return entry
`;

/** ARGV: room, the pending entry, what it becomes (empty: removed), another entry that has ended (or empty). */
const SETTLE = `
local field = 'r:' .. ARGV[1]
local entry = redis.call('HGET', KEYS[1], field)
local rooms = tonumber(redis.call('HGET', KEYS[1], 'n') or '0')
if not entry or (entry ~= ARGV[2] and entry ~= ARGV[4]) then return 0 end
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], field, ARGV[3])
else
  redis.call('HDEL', KEYS[1], field)
  redis.call('HSET', KEYS[1], 'n', int(rooms - 1))
end
redis.call('INCR', KEYS[2])
return 1
`;

/** Answers version, the time, and all fields and values. */
const INDEX = `
return {redis.call('GET', KEYS[2]) or '0', int(now()), redis.call('HGETALL', KEYS[1])}
`;

/** ARGV: device. Notes its use if it is known, and answers 1 then. */
const TOUCH = `
if redis.call('HEXISTS', KEYS[1], 'd:' .. ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'd:' .. ARGV[1], int(now()))
return 1
`;

/** ARGV: device, then devices that are forgotten. */
const ADD_DEVICE = `
redis.call('HSET', KEYS[1], 'd:' .. ARGV[1], int(now()))
redis.call('SETNX', KEYS[2], '0')
for i = 2, #ARGV do redis.call('HDEL', KEYS[1], 'd:' .. ARGV[i]) end
return 1
`;

/** ARGV: other, 1 or 0, most. Answers ok or full. */
const BLOCK = `
local field = 'b:' .. ARGV[1]
local known = redis.call('HEXISTS', KEYS[1], field) == 1
if known == (ARGV[2] == '1') then return 'ok' end
local count = tonumber(redis.call('HGET', KEYS[1], 'bn') or '0')
if known then
  redis.call('HDEL', KEYS[1], field)
  redis.call('HSET', KEYS[1], 'bn', int(count - 1))
  return 'ok'
end
if count >= tonumber(ARGV[3]) then return 'full' end
redis.call('HSET', KEYS[1], field, int(now()), 'bn', int(count + 1))
redis.call('SETNX', KEYS[2], '0')
return 'ok'
`;

/** ARGV: other. Answers 1 or 0. */
const BLOCKS = `
return redis.call('HEXISTS', KEYS[1], 'b:' .. ARGV[1])
`;

export const USER_SCRIPTS = {
  mark: new Script('mark', NOW, MARK),
  settle: new Script('settle', NOW, SETTLE),
  index: new Script('index', NOW, INDEX),
  touch: new Script('touch', NOW, TOUCH),
  block: new Script('block', NOW, BLOCK),
  blocks: new Script('blocks', NOW, BLOCKS),
  addDevice: new Script('addDevice', NOW, ADD_DEVICE),
} as const;
