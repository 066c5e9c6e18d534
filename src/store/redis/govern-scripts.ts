/**
 * The scripts on rights. KEYS: ROOM_KEYS of keys.ts, in that order. What is allowed is decided by
 * chat/rights.ts on facts that one script read; another does what was decided, if they still hold.
 */
import { NEED, PRELUDE } from './room-prelude.ts';
import { Script } from './script.ts';

const FACTS_OF = `
local function factsOf(actor, target)
  local record = redis.call('HMGET', KEYS[3], 'm:' .. actor, 'm:' .. target, 'x:' .. target)
  local actorRole = record[1] and string.match(record[1], '^%S+') or ''
  local role = record[2] and string.match(record[2], '^%S+') or ''
  return {m.kind, m.title, int(m.owners), actorRole, role, record[3] or ''}, record[2] or ''
end
`;

/** ARGV: nonce, actor, target (each empty: none). Answers the facts, the time, the target's membership. */
const FACTS = `
local facts, record = factsOf(ARGV[2], ARGV[3])
open(KEYS[1], KEYS[7], m)
return {facts, int(now()), record}
`;

/**
 * ARGV: nonce, actor, target, the six facts, the latest time it may be done (or empty), kind, title,
 * the target's role (empty: no member) and sanction (empty: none), most sanctions, the entries' tails.
 * Answers a word: again (the facts are others), late, full, or done with epoch, at, first new seq,
 * meta, the target's membership, and where one that ended began.
 */
const GOVERN = `
local target = ARGV[3]
local facts, record = factsOf(ARGV[2], target)
for i, fact in ipairs(facts) do
  if fact ~= ARGV[3 + i] then
    open(KEYS[1], KEYS[7], m)
    return {'again'}
  end
end
local time = now()
if ARGV[10] ~= '' and time > tonumber(ARGV[10]) then return {'late'} end
local role, before = ARGV[13], facts[5]
if ARGV[14] ~= '' and facts[6] == '' then
  if m.sanctions >= tonumber(ARGV[15]) then
    open(KEYS[1], KEYS[7], m)
    return {'full'}
  end
  m.sanctions = m.sanctions + 1
elseif ARGV[14] == '' and facts[6] ~= '' then m.sanctions = m.sanctions - 1 end
local at = int(math.max(time, m.lastAt))
if #ARGV >= 16 then m.lastAt = tonumber(at) end
local point, first = int(m.head), m.head + 1
local ended = ''
if role ~= before then
  if before == 'owner' then m.owners = m.owners - 1 end
  if role == 'owner' then m.owners = m.owners + 1 end
end
m.kind, m.title = ARGV[11], ARGV[12]
for i = 16, #ARGV do
  local stored = table.concat({'s', int(m.texts), '0', at, ARGV[i]}, '|')
  m.head = m.head + 1
  redis.call('XADD', KEYS[2], int(m.head) .. '-0', 'e', stored)
  m.bytes = m.bytes + #stored
end
if target ~= '' then
  if ARGV[14] ~= '' then redis.call('HSET', KEYS[3], 'x:' .. target, ARGV[14])
  elseif facts[6] ~= '' then redis.call('HDEL', KEYS[3], 'x:' .. target) end
  if before == '' and role ~= '' then
    record = table.concat({role, m.epoch, point, point, '0', target}, ' ')
    redis.call('HSET', KEYS[3], 'm:' .. target, record, 'o:' .. target, '0 0')
    redis.call('ZADD', KEYS[4], 0, target)
    m.members = m.members + 1
  elseif before ~= '' and role == '' then
    ended = string.match(record, '^%S+ (%S+ %S+)')
    redis.call('HDEL', KEYS[3], 'm:' .. target, 'o:' .. target, 'c:' .. target)
    redis.call('ZREM', KEYS[4], target)
    m.members = m.members - 1
  elseif role ~= before then
    record = role .. string.match(record, '^%S+( .*)$')
    redis.call('HSET', KEYS[3], 'm:' .. target, record)
  end
end
redis.call('HSET', KEYS[1], 'kind', m.kind, 'title', m.title, 'life', m.life, 'chain', m.chain, 'head', int(m.head),
  'members', int(m.members), 'owners', int(m.owners), 'bytes', int(m.bytes), 'lastAt', int(m.lastAt), 'sanctions', int(m.sanctions))
setHead(KEYS[7], m)
return {'done', m.epoch, at, int(first), metaReply(m), role == '' and '' or record, ended}
`;

/** ARGV: nonce, user, 1 or 0. In a direct room: whether the other one takes messages of the user. */
const BLOCK = `
local field = 'x:' .. ARGV[2]
local known = redis.call('HGET', KEYS[3], field)
local text = ARGV[3] == '1' and '0 - 1' or ''
if text ~= '' and not known then m.sanctions = m.sanctions + 1 end
if text == '' and known then m.sanctions = m.sanctions - 1 end
redis.call('HSET', KEYS[1], 'life', m.life, 'chain', m.chain, 'sanctions', int(m.sanctions))
if m.opened then setHead(KEYS[7], m) end
if text ~= '' then redis.call('HSET', KEYS[3], field, text) elseif known then redis.call('HDEL', KEYS[3], field) end
return 1
`;

/** ARGV: nonce, users. What is held against them and is over by the clock of Redis is taken back; answers of how many. */
const END_SANCTIONS = `
local over, time = {}, now()
for i = 2, #ARGV do
  local field = 'x:' .. ARGV[i]
  local muted, banned, blocked = string.match(redis.call('HGET', KEYS[3], field) or '', '^(%d+) (%S+) (%d)$')
  if muted and tonumber(muted) <= time and (banned == '-' or (banned ~= '0' and tonumber(banned) <= time)) and blocked == '0' then
    over[#over + 1] = field
  end
end
open(KEYS[1], KEYS[7], m)
if #over > 0 then
  redis.call('HDEL', KEYS[3], unpack(over))
  redis.call('HSET', KEYS[1], 'sanctions', int(m.sanctions - #over))
end
return #over
`;

/** ARGV: nonce, kind, title. Answers 1 where the room was not there. */
const CREATE = `
local m = enter(KEYS[1], life(), ARGV[1])
if m then
  open(KEYS[1], KEYS[7], m)
  return 0
end
putAll(create(ARGV[2], ARGV[3], now(), ARGV[1]))
return 1
`;

/** ARGV: nonce. What is kept is what `create` of the prelude reads. */
const DELETE = `
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'kind', 'deleted', 'chain', m.chain, 'head', int(m.head), 'texts', int(m.texts), 'lastAt', int(m.lastAt))
for i = 2, 8 do redis.call('UNLINK', KEYS[i]) end
return 1
`;

export const GOVERN_SCRIPTS = {
  create: new Script('create', PRELUDE, CREATE),
  delete: new Script('delete', PRELUDE, NEED, DELETE),
  facts: new Script('facts', PRELUDE, NEED, FACTS_OF, FACTS),
  govern: new Script('govern', PRELUDE, NEED, FACTS_OF, GOVERN),
  block: new Script('block', PRELUDE, NEED, BLOCK),
  endSanctions: new Script('endSanctions', PRELUDE, NEED, END_SANCTIONS),
} as const;
