/**
 * The scripts on one room. Each reads everything before its first write, so one that is
 * refused (OOM, READONLY) has changed nothing; and each begins by comparing lives (G12).
 *
 * Entries and records are joined as text: Lua's JSON keeps 14 digits and makes `{}` of an
 * empty list. Which position means what is decided in TypeScript (chat/position.ts).
 */
import { Script } from './script.ts';

/** KEYS of every script here: ROOM_KEYS of keys.ts, in that order. ARGV[1]: a nonce for an epoch's name. */
const PRELUDE = `
local MAX_CHAIN = 64
local function int(n) return string.format('%.0f', n) end
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function life()
  local info = redis.call('INFO', 'server', 'replication')
  return string.match(info, 'run_id:(%x+)') .. ':' .. string.match(info, 'master_replid:(%x+)')
end
local function base36(n)
  local digits, text = '0123456789abcdefghijklmnopqrstuvwxyz', ''
  repeat
    local d = n % 36
    text = string.sub(digits, d + 1, d + 1) .. text
    n = (n - d) / 36
  until n == 0
  return text
end
local META = {'kind', 'title', 'life', 'chain', 'head', 'first', 'members', 'owners', 'texts', 'textsBefore', 'bytes', 'lastAt'}
local COUNTS = {'head', 'first', 'members', 'owners', 'texts', 'textsBefore', 'bytes', 'lastAt'}
-- The room's record, in the present life; nil when there is no such room. Writes nothing.
local function enter(key, present, nonce)
  local values = redis.call('HMGET', key, unpack(META))
  if not values[1] then return nil end
  local m = {}
  for i, name in ipairs(META) do m[name] = values[i] end
  for _, name in ipairs(COUNTS) do m[name] = tonumber(m[name]) end
  if m.life ~= present then
    m.life = present
    m.opened = base36(now()) .. '-' .. nonce
    local marks = {}
    for mark in string.gmatch(m.chain .. ',' .. m.opened .. ' ' .. int(m.head), '[^,]+') do marks[#marks + 1] = mark end
    m.chain = table.concat(marks, ',', math.max(1, #marks - MAX_CHAIN + 1))
  end
  m.epoch = string.match(m.chain, '([^, ]+) [^, ]+$')
  return m
end
local function setHead(key, m) redis.call('SET', key, m.epoch .. ' ' .. int(m.head)) end
-- The first write of a step that changes nothing else: the epoch that had to be opened.
local function open(metaKey, headKey, m)
  if not m.opened then return end
  -- Deletes nothing: a script that has begun to write is not refused for want of memory, so that
  -- a full Redis still tells of the epoch it began when it restarted.
  redis.call('HDEL', metaKey, '')
  redis.call('HSET', metaKey, 'life', m.life, 'chain', m.chain)
  setHead(headKey, m)
end
local function metaReply(m)
  return {m.kind, m.title, m.chain, int(m.head), int(m.first), int(m.members), int(m.texts), int(m.textsBefore), int(m.lastAt)}
end
-- Texts of the room up to seq.
local function textsUpTo(logKey, m, seq)
  if seq < m.first then return m.textsBefore end
  if seq >= m.head then return m.texts end
  local found = redis.call('XRANGE', logKey, int(seq) .. '-0', int(seq) .. '-0')
  if not found[1] then return m.texts end
  return tonumber(string.match(found[1][2][2], '^%a|(%d+)|'))
end
-- The membership as text, with what unread is made of; '' for no member.
local function memberReply(logKey, membersKey, m, user, device)
  local record = redis.call('HMGET', membersKey, 'm:' .. user, 'o:' .. user, 'c:' .. user)
  if not record[1] then return '' end
  local read = tonumber(string.match(record[1], '^%S+ %S+ %S+ (%d+)'))
  local cursor = ''
  if device ~= '' and record[3] then
    for name, place in string.gmatch(record[3], '([^; ]+) ([^;]+)') do
      if name == device then cursor = place end
    end
  end
  return {record[1], record[2] or '0 0', cursor, int(textsUpTo(logKey, m, math.max(read, m.first - 1)))}
end
`;

/** Rooms that are unknown or whose step has nothing to say answer false. */
const NEED = `
local m = enter(KEYS[1], life(), ARGV[1])
if not m then return false end
`;

/**
 * ARGV: nonce, then per draft from, id, kind's letter, tail.
 * Answers epoch, at, and per draft `+` (stored, the next seq), `-` (not a member) or
 * `<epoch> <seq> <at>` (stored before); and last the first new seq.
 */
const APPEND = `
local count = (#ARGV - 1) / 4
local users, fields, known = {}, {}, {}
for i = 0, count - 1 do
  local from, id = ARGV[i * 4 + 2], ARGV[i * 4 + 3]
  if users[from] == nil then
    local record = redis.call('HMGET', KEYS[3], 'm:' .. from, 'o:' .. from)
    if record[1] then
      local own, last = string.match(record[2] or '0 0', '^(%d+) (%d+)$')
      users[from] = {own = tonumber(own), last = tonumber(last)}
    else
      users[from] = false
    end
  end
  fields[i + 1] = from .. '\\0' .. id
end
for i = 1, count, 1000 do
  local last = math.min(count, i + 999)
  local found = redis.call('HMGET', KEYS[5], unpack(fields, i, last))
  for k = i, last do if found[k - i + 1] then known[fields[k]] = found[k - i + 1] end end
end
local at = math.max(now(), m.lastAt)
local results, ids, first = {}, {}, m.head + 1
for i = 0, count - 1 do
  local from, letter, tail, field = ARGV[i * 4 + 2], ARGV[i * 4 + 4], ARGV[i * 4 + 5], fields[i + 1]
  local user = users[from]
  if not user then
    results[i + 1] = '-'
  elseif known[field] then
    results[i + 1] = known[field]
  else
    local seq = m.head + 1
    if letter == 't' then
      m.texts = m.texts + 1
      user.own, user.last, user.changed = user.own + 1, seq, true
    end
    local stored = table.concat({letter, int(m.texts), int(user.own), int(at), tail}, '|')
    redis.call('XADD', KEYS[2], int(seq) .. '-0', 'e', stored)
    m.head, m.bytes = seq, m.bytes + #stored
    known[field] = m.epoch .. ' ' .. int(seq) .. ' ' .. int(at)
    ids[#ids + 1] = field
    ids[#ids + 1] = known[field]
    results[i + 1] = '+'
  end
end
if #ids == 0 then
  open(KEYS[1], KEYS[7], m)
else
  for i = 1, #ids, 1000 do redis.call('HSET', KEYS[5], unpack(ids, i, math.min(#ids, i + 999))) end
  for from, user in pairs(users) do
    if user and user.changed then redis.call('HSET', KEYS[3], 'o:' .. from, int(user.own) .. ' ' .. int(user.last)) end
  end
  redis.call('HSET', KEYS[1], 'life', m.life, 'chain', m.chain, 'head', int(m.head), 'texts', int(m.texts),
    'bytes', int(m.bytes), 'lastAt', int(at))
  setHead(KEYS[7], m)
end
results[count + 1] = int(first)
return {m.epoch, int(at), results}
`;

/**
 * ARGV: nonce, epoch (empty: the present one), from, to, limit, maxBytes, newest (1) or oldest
 * first (0), user (empty: none). Entries only when the epoch is the present one.
 * Answers meta, membership, first seq, entries.
 */
const READ = `
local entries, firstSeq = {}, 0
local from, to, limit, maxBytes = math.max(tonumber(ARGV[3]), m.first), math.min(tonumber(ARGV[4]), m.head), tonumber(ARGV[5]), tonumber(ARGV[6])
if (ARGV[2] == '' or ARGV[2] == m.epoch) and from <= to then
  if ARGV[7] == '1' then from = math.max(from, to - limit + 1) end
  local bytes, newest = 0, ARGV[7] == '1'
  local a, b, isOver = from, math.min(to, from + limit - 1), false
  while a <= b and not isOver do
    local found
    if newest then found = redis.call('XREVRANGE', KEYS[2], int(b) .. '-0', int(a) .. '-0', 'COUNT', 64)
    else found = redis.call('XRANGE', KEYS[2], int(a) .. '-0', int(b) .. '-0', 'COUNT', 64) end
    if #found == 0 then break end
    for _, entry in ipairs(found) do
      local stored, seq = entry[2][2], tonumber(string.match(entry[1], '^%d+'))
      -- A page backwards keeps under the limit; one forwards ends when it passes it.
      if newest and #entries > 0 and bytes + #stored > maxBytes then isOver = true break end
      entries[#entries + 1] = stored
      bytes = bytes + #stored
      if newest then firstSeq, b = seq, seq - 1
      else
        if firstSeq == 0 then firstSeq = seq end
        a = seq + 1
        if bytes > maxBytes then isOver = true break end
      end
    end
  end
end
local member = ''
if ARGV[8] ~= '' then member = memberReply(KEYS[2], KEYS[3], m, ARGV[8], '') end
open(KEYS[1], KEYS[7], m)
return {metaReply(m), member, int(firstSeq), entries}
`;

/** KEYS: meta, log, members, head of any number of rooms. ARGV: nonce, user, device. Answers meta and membership per room. */
const VIEWS = `
local present, answer, rooms = life(), {}, {}
for i = 0, #KEYS / 4 - 1 do
  local m = enter(KEYS[i * 4 + 1], present, ARGV[1])
  rooms[i + 1] = m or false
  answer[i + 1] = m and {metaReply(m), memberReply(KEYS[i * 4 + 2], KEYS[i * 4 + 3], m, ARGV[2], ARGV[3])} or false
end
for i = 0, #KEYS / 4 - 1 do
  if rooms[i + 1] then open(KEYS[i * 4 + 1], KEYS[i * 4 + 4], rooms[i + 1]) end
end
return answer
`;

/**
 * ARGV: nonce, user, name, device, whether it may make a member (0: only look), the latest
 * time it may, whether it may create (kind, title, role), mustCreate.
 * Answers a word and the view: was, would, joined, none, exists, late.
 */
const JOIN = `
local user, device, isFor, deadline = ARGV[2], ARGV[4], ARGV[5] == '1', tonumber(ARGV[6])
local canCreate, kind, title, creator, mustCreate = ARGV[7] == '1', ARGV[8], ARGV[9], ARGV[10], ARGV[11] == '1'
local time = now()
local m = enter(KEYS[1], life(), ARGV[1])
if m and mustCreate then
  open(KEYS[1], KEYS[7], m)
  return {'exists'}
end
local existing = m and redis.call('HEXISTS', KEYS[3], 'm:' .. user) == 1
if existing then
  local member = memberReply(KEYS[2], KEYS[3], m, user, device)
  open(KEYS[1], KEYS[7], m)
  return {'was', metaReply(m), member}
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
  m = {kind = kind, title = title, life = life(), epoch = base36(time) .. '-' .. ARGV[1], head = 0, first = 1,
    members = 0, owners = 0, texts = 0, textsBefore = 0, bytes = 0, lastAt = time}
  m.chain = m.epoch .. ' 0'
  redis.call('XADD', KEYS[2], '0-1', 'e', '')
  redis.call('XDEL', KEYS[2], '0-1')
  redis.call('XADD', KEYS[6], '0-1', 'i', '')
  redis.call('XDEL', KEYS[6], '0-1')
  redis.call('HSET', KEYS[3], '-', '')
  redis.call('ZADD', KEYS[4], 0, '')
  redis.call('HSET', KEYS[5], '-', '')
end
m.members = m.members + 1
if role == 'owner' then m.owners = m.owners + 1 end
local read = int(m.head)
redis.call('HSET', KEYS[3], 'm:' .. user, table.concat({role, m.epoch, read, read, '0', ARGV[3]}, ' '), 'o:' .. user, '0 0')
redis.call('ZADD', KEYS[4], 0, user)
redis.call('HSET', KEYS[1], 'kind', m.kind, 'title', m.title, 'life', m.life, 'chain', m.chain, 'head', int(m.head),
  'first', int(m.first), 'members', int(m.members), 'owners', int(m.owners), 'texts', int(m.texts),
  'textsBefore', int(m.textsBefore), 'bytes', int(m.bytes), 'lastAt', int(m.lastAt))
setHead(KEYS[7], m)
return {'joined', metaReply(m), memberReply(KEYS[2], KEYS[3], m, user, device)}
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
  elseif role == 'owner' and m.owners == 1 and m.members > 1 then word = 'owner' end
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
    local list, cursor = {}, string.match(record[1], '^%S+ (%S+ %S+)')
    for name, place in string.gmatch(changed[user] or record[2] or '', '([^; ]+) ([^;]+)') do
      if name == device then cursor = place else list[#list + 1] = name .. ' ' .. place end
    end
    local cursorEpoch, cursorSeq = string.match(cursor, '^(%S+) (%S+)$')
    if epoch == m.epoch and seq > m.head then seq = m.head end
    local isFurther
    if expected ~= '' then
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
 * ARGV: nonce, user, seq, epoch (empty: the present one), own texts up to seq (empty: not known).
 * Answers a word: none, done; old (another epoch; with the meta), count (with seq, head, point: own
 * texts have to be counted first).
 */
const MARK_READ = `
local user, seq, epoch = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local record = redis.call('HMGET', KEYS[3], 'm:' .. user, 'o:' .. user)
if not record[1] then
  open(KEYS[1], KEYS[7], m)
  return {'none'}
end
if epoch ~= '' and epoch ~= m.epoch then
  open(KEYS[1], KEYS[7], m)
  return {'old', metaReply(m)}
end
local role, pointEpoch, point, read, ownAtRead, name = string.match(record[1], '^(%S+) (%S+) (%S+) (%S+) (%S+) (.*)$')
local own, last = string.match(record[2] or '0 0', '^(%d+) (%d+)$')
local to = math.max(math.min(seq, m.head), m.first - 1)
if seq == 0 or to <= tonumber(read) then
  open(KEYS[1], KEYS[7], m)
  return {'done'}
end
if tonumber(last) > to then
  if ARGV[5] == '' then
    open(KEYS[1], KEYS[7], m)
    return {'count', int(to), int(m.head), point}
  end
  own = ARGV[5]
end
redis.call('HSET', KEYS[3], 'm:' .. user, table.concat({role, pointEpoch, point, int(to), own, name}, ' '))
open(KEYS[1], KEYS[7], m)
return {'done'}
`;

/** ARGV: nonce, user, after (empty: from the start), limit. Answers false for no member, else the records in order. */
const MEMBERS = `
open(KEYS[1], KEYS[7], m)
if redis.call('HEXISTS', KEYS[3], 'm:' .. ARGV[2]) == 0 then return false end
local names = redis.call('ZRANGEBYLEX', KEYS[4], '(' .. ARGV[3], '+', 'LIMIT', 0, tonumber(ARGV[4]))
local answer = {}
for i, name in ipairs(names) do
  answer[i] = {name, redis.call('HGET', KEYS[3], 'm:' .. name) or ''}
end
return answer
`;

/**
 * ARGV: nonce, maxAgeMs, maxMessages, maxBytes (empty: no limit), idsMs, entries of a step.
 * Answers 1 when there may be more to do, and the kind.
 */
const RETAIN = `
local maxAge, maxMessages, maxBytes, idsMs, step = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local time = now()
local oldest, goneIds = {}, redis.call('XRANGE', KEYS[6], '-', '+', 'COUNT', step)
if m.first <= m.head and (maxAge or maxMessages or maxBytes) then
  oldest = redis.call('XRANGE', KEYS[2], int(m.first) .. '-0', int(m.head) .. '-0', 'COUNT', 1)
end
local function isOver(at)
  return (maxAge and at + maxAge < time) or (maxMessages and m.head - m.first + 1 > maxMessages) or (maxBytes and m.bytes > maxBytes)
end
local function parts(stored) return string.match(stored, '^%a|(%d+)|%d+|(%d+)|"from":"([^"]*)","id":"(.-)","kind"') end
if oldest[1] then
  local _, at = parts(oldest[1][2][2])
  if isOver(tonumber(at)) then
    oldest = redis.call('XRANGE', KEYS[2], int(m.first) .. '-0', int(m.head) .. '-0', 'COUNT', step)
  else oldest = {} end
end
local forget, keep, removed = {}, {}, 0
for _, entry in ipairs(oldest) do
  local seq, stored = tonumber(string.match(entry[1], '^%d+')), entry[2][2]
  local texts, at, from, id = parts(stored)
  if not isOver(tonumber(at)) then break end
  if string.find(id, '\\\\', 1, true) then id = cjson.decode('["' .. id .. '"]')[1] end
  local field = from .. '\\0' .. id
  if tonumber(at) + idsMs < time then forget[#forget + 1] = field
  else keep[#keep + 1] = {int(seq) .. '-0', at .. ' ' .. field} end
  m.first, m.bytes, m.textsBefore = seq + 1, m.bytes - #stored, tonumber(texts)
  removed = removed + 1
end
local goneTo
for _, entry in ipairs(goneIds) do
  local at, field = string.match(entry[2][2], '^(%d+) (.*)$')
  if tonumber(at) + idsMs >= time then break end
  forget[#forget + 1] = field
  goneTo = entry[1]
end
local forgotten = #forget
-- What frees memory comes first: the rest of a step that has written is not refused for want of it.
if removed > 0 then redis.call('XTRIM', KEYS[2], 'MINID', int(m.first) .. '-0') end
if goneTo then redis.call('XTRIM', KEYS[6], 'MINID', int(tonumber(string.match(goneTo, '^%d+')) + 1) .. '-0') end
if forgotten > 0 then redis.call('HDEL', KEYS[5], unpack(forget)) end
if removed > 0 then
  redis.call('HSET', KEYS[1], 'life', m.life, 'chain', m.chain, 'first', int(m.first), 'bytes', int(m.bytes), 'textsBefore', int(m.textsBefore))
  if m.opened then setHead(KEYS[7], m) end
  for _, id in ipairs(keep) do redis.call('XADD', KEYS[6], id[1], 'i', id[2]) end
end
return {(removed == step or forgotten >= step) and 1 or 0, m.kind}
`;

export const ROOM_SCRIPTS = {
  append: new Script('append', PRELUDE, NEED, APPEND),
  read: new Script('read', PRELUDE, NEED, READ),
  views: new Script('views', PRELUDE, VIEWS),
  join: new Script('join', PRELUDE, JOIN),
  leave: new Script('leave', PRELUDE, NEED, LEAVE),
  move: new Script('move', PRELUDE, NEED, MOVE),
  device: new Script('device', PRELUDE, NEED, DEVICE),
  markRead: new Script('markRead', PRELUDE, NEED, MARK_READ),
  members: new Script('members', PRELUDE, NEED, MEMBERS),
  retain: new Script('retain', PRELUDE, NEED, RETAIN),
} as const;
