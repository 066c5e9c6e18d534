/**
 * The scripts on a room's memberships. KEYS: ROOM_KEYS of keys.ts, in that order, where nothing
 * else is said. Which position means what is decided in TypeScript (chat/position.ts).
 */
import { MAX_CURSORS } from '../../chat/store-types.ts';
import { NEED, PRELUDE } from './room-prelude.ts';
import { Script } from './script.ts';

/** KEYS: meta, log, members, head, amends, ids of any number of rooms. ARGV: nonce, user, device. Answers meta and membership per room. */
const VIEWS = `
local present, answer, rooms = life(), {}, {}
for i = 0, #KEYS / 6 - 1 do
  local m = enter(KEYS[i * 6 + 1], present, ARGV[1])
  rooms[i + 1] = m or false
  answer[i + 1] = m and {metaReply(m), memberReply(KEYS[i * 6 + 2], KEYS[i * 6 + 5], KEYS[i * 6 + 6], KEYS[i * 6 + 3], m, ARGV[2], ARGV[3])} or false
end
for i = 0, #KEYS / 6 - 1 do
  if rooms[i + 1] then open(KEYS[i * 6 + 1], KEYS[i * 6 + 4], rooms[i + 1]) end
end
return answer
`;

/**
 * ARGV: nonce, user, name, device, whether it may make a member (0: only look), the latest
 * time it may, whether it may create (kind, title, role), mustCreate; of a direct room the other
 * one, and their sanction. Answers a word and the view: was, would, joined, none, exists, late; or
 * banned and until when.
 */
const JOIN = `
local user, device, isFor, deadline = ARGV[2], ARGV[4], ARGV[5] == '1', tonumber(ARGV[6])
local canCreate, kind, title, creator, mustCreate = ARGV[7] == '1', ARGV[8], ARGV[9], ARGV[10], ARGV[11] == '1'
local other, otherSanction = ARGV[12], ARGV[13]
local time = now()
local m = enter(KEYS[1], life(), ARGV[1])
if m and mustCreate then
  open(KEYS[1], KEYS[7], m)
  return {'exists'}
end
local existing = m and redis.call('HEXISTS', KEYS[3], 'm:' .. user) == 1
if existing then
  local member = memberReply(KEYS[2], KEYS[8], KEYS[5], KEYS[3], m, user, device)
  open(KEYS[1], KEYS[7], m)
  return {'was', metaReply(m), member}
end
local sanction = m and m.sanctions > 0 and redis.call('HGET', KEYS[3], 'x:' .. user)
local banned = sanction and tonumber(string.match(sanction, '^%S+ (%S+)'))
if banned and (banned == 0 or banned > time) then
  open(KEYS[1], KEYS[7], m)
  return {'banned', int(banned == 0 and 0 or banned - time)}
end
if (m and m.kind ~= 'public') or (not m and not canCreate) then
  if m then open(KEYS[1], KEYS[7], m) end
  return {'none'}
end
if not isFor then
  if m then open(KEYS[1], KEYS[7], m) end
  return {'would'}
end
if time > deadline then return {'late'} end
local role = 'member'
if not m then
  role = creator
  m = create(kind, title, time, ARGV[1])
end
if role == 'owner' then m.owners = m.owners + 1 end
local read = int(m.head)
local function add(who, name)
  m.members = m.members + 1
  redis.call('HSET', KEYS[3], 'm:' .. who, table.concat({role, m.epoch, read, read, '0', name}, ' '), 'o:' .. who, '0 0')
  redis.call('ZADD', KEYS[4], 0, who)
end
add(user, ARGV[3])
if other ~= '' then
  add(other, other)
  if otherSanction ~= '' then
    redis.call('HSET', KEYS[3], 'x:' .. other, otherSanction)
    m.sanctions = 1
  end
end
putAll(m)
return {'joined', metaReply(m), memberReply(KEYS[2], KEYS[8], KEYS[5], KEYS[3], m, user, device)}
`;

/** ARGV: nonce, user, id of the entry, its tail. Answers a word: none, direct or owner with the point, or left with epoch, seq, at, point. */
const LEAVE = `
local user = ARGV[2]
local record = redis.call('HMGET', KEYS[3], 'm:' .. user, 'o:' .. user)
local word, role, epoch, seq
if not record[1] then
  word = 'none'
else
  role, epoch, seq = string.match(record[1], '^(%S+) (%S+) (%S+)')
  if m.kind == 'direct' then word = 'direct'
  elseif role == 'owner' and m.owners == 1 then word = 'owner' end
end
if word then
  open(KEYS[1], KEYS[7], m)
  return {word, epoch or '', seq or ''}
end
local at = math.max(now(), m.lastAt)
local own = string.match(record[2] or '0 0', '^%d+')
local stored = table.concat({'s', int(m.texts), own, int(at), ARGV[4]}, '|')
m.head = m.head + 1
redis.call('XADD', KEYS[2], int(m.head) .. '-0', 'e', stored)
redis.call('HSET', KEYS[5], user .. '\\0' .. ARGV[3], m.epoch .. ' ' .. int(m.head) .. ' ' .. int(at))
redis.call('HDEL', KEYS[3], 'm:' .. user, 'o:' .. user, 'c:' .. user)
redis.call('ZREM', KEYS[4], user)
if role == 'owner' then m.owners = m.owners - 1 end
redis.call('HSET', KEYS[1], 'life', m.life, 'chain', m.chain, 'head', int(m.head), 'members', int(m.members - 1),
  'owners', int(m.owners), 'bytes', int(m.bytes + #stored), 'lastAt', int(at))
setHead(KEYS[7], m)
return {'left', m.epoch, int(m.head), int(at), epoch, seq}
`;

/**
 * ARGV: nonce, then per move user, device, epoch, seq, and what the cursor must be now (empty:
 * decide here, which is done only within the present epoch).
 * Answers per move: empty (done, or nothing to do), or what is needed to decide: chain, cursor.
 */
const MOVE = `
local answer, changed = {}, {}
for i = 0, (#ARGV - 1) / 5 - 1 do
  local user, device, epoch, seq, expected = ARGV[i * 5 + 2], ARGV[i * 5 + 3], ARGV[i * 5 + 4], tonumber(ARGV[i * 5 + 5]), ARGV[i * 5 + 6]
  answer[i + 1] = ''
  local record = redis.call('HMGET', KEYS[3], 'm:' .. user, 'c:' .. user)
  if record[1] then
    local list, cursor, has = {}, string.match(record[1], '^%S+ (%S+ %S+)'), false
    for name, place in string.gmatch(changed[user] or record[2] or '', '([^; ]+) ([^;]+)') do
      if name == device then cursor, has = place, true else list[#list + 1] = name .. ' ' .. place end
    end
    local cursorEpoch, cursorSeq = string.match(cursor, '^(%S+) (%S+)$')
    if epoch == m.epoch and seq > m.head then seq = m.head end
    local isFurther
    if not has and #list >= ${MAX_CURSORS} then isFurther = false
    elseif expected ~= '' then
      if expected == cursor then isFurther = true else answer[i + 1] = {m.chain, cursor} end
    elseif epoch == m.epoch and cursorEpoch == m.epoch then isFurther = seq > tonumber(cursorSeq)
    else answer[i + 1] = {m.chain, cursor} end
    if isFurther then
      list[#list + 1] = device .. ' ' .. epoch .. ' ' .. int(seq)
      changed[user] = table.concat(list, ';')
    end
  end
end
open(KEYS[1], KEYS[7], m)
for user, list in pairs(changed) do redis.call('HSET', KEYS[3], 'c:' .. user, list) end
return answer
`;

/** ARGV: nonce, user, device, what: head (give it a cursor there unless it has one) or forget. */
const DEVICE = `
local user, device = ARGV[2], ARGV[3]
local record = redis.call('HMGET', KEYS[3], 'm:' .. user, 'c:' .. user)
local list, has = {}, false
for name, place in string.gmatch(record[2] or '', '([^; ]+) ([^;]+)') do
  if name == device then has = true else list[#list + 1] = name .. ' ' .. place end
end
open(KEYS[1], KEYS[7], m)
if not record[1] or has == (ARGV[4] == 'head') then return 0 end
if ARGV[4] == 'head' then list[#list + 1] = device .. ' ' .. m.epoch .. ' ' .. int(m.head) end
redis.call('HSET', KEYS[3], 'c:' .. user, table.concat(list, ';'))
return 1
`;

/**
 * ARGV: nonce, user, seq, epoch (empty: the present one), name (empty: as it was).
 * Answers a word: none; done, with where it is now, members, and 1 where it moved; old (another epoch), with the meta.
 */
const MARK_READ = `
local user, seq, epoch = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local record = redis.call('HMGET', KEYS[3], 'm:' .. user, 'o:' .. user)
if not record[1] then
  open(KEYS[1], KEYS[7], m)
  return {'none'}
end
if seq > 0 and epoch ~= '' and epoch ~= m.epoch then
  open(KEYS[1], KEYS[7], m)
  return {'old', metaReply(m)}
end
local role, pointEpoch, point, read, ownAtRead, name = string.match(record[1], '^(%S+) (%S+) (%S+) (%S+) (%S+) (.*)$')
if ARGV[5] ~= '' then name = ARGV[5] end
local to = math.max(math.min(seq, m.head), m.first - 1)
if seq == 0 or to <= tonumber(read) then
  open(KEYS[1], KEYS[7], m)
  return {'done', read, int(m.members), 0}
end
local own = int(ownUpTo(KEYS[5], user, record[2] or '0 0', to))
redis.call('HSET', KEYS[3], 'm:' .. user, table.concat({role, pointEpoch, point, int(to), own, name}, ' '))
open(KEYS[1], KEYS[7], m)
return {'done', int(to), int(m.members), 1}
`;

/** ARGV: nonce, user (empty: the server), after (empty: from the start), limit. Answers false for no member, else the records in order. */
const MEMBERS = `
open(KEYS[1], KEYS[7], m)
if ARGV[2] ~= '' and redis.call('HEXISTS', KEYS[3], 'm:' .. ARGV[2]) == 0 then return false end
local names = redis.call('ZRANGEBYLEX', KEYS[4], '(' .. ARGV[3], '+', 'LIMIT', 0, tonumber(ARGV[4]))
local answer = {}
for i, name in ipairs(names) do
  local record = redis.call('HMGET', KEYS[3], 'm:' .. name, 'x:' .. name)
  answer[i] = {name, record[1] or '', record[2] or ''}
end
return {int(now()), answer}
`;

export const MEMBER_SCRIPTS = {
  views: new Script('views', PRELUDE, VIEWS),
  join: new Script('join', PRELUDE, JOIN),
  leave: new Script('leave', PRELUDE, NEED, LEAVE),
  move: new Script('move', PRELUDE, NEED, MOVE),
  device: new Script('device', PRELUDE, NEED, DEVICE),
  markRead: new Script('markRead', PRELUDE, NEED, MARK_READ),
  members: new Script('members', PRELUDE, NEED, MEMBERS),
} as const;
