/**
 * What every script on a room begins with: its record, in the present life (G12).
 *
 * `enter` reads and decides, `open` writes; so a script reads everything before its first write,
 * and one that is refused (OOM, READONLY) has changed nothing. Entries and records are joined as
 * text: Lua's JSON keeps 14 digits and makes `{}` of an empty list.
 */

/** KEYS of every script here: ROOM_KEYS of keys.ts, in that order. ARGV[1]: a nonce for an epoch's name. */
export const PRELUDE = `
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
local META = {'kind', 'title', 'life', 'chain', 'head', 'first', 'members', 'owners', 'texts', 'textsBefore', 'bytes', 'lastAt', 'sanctions'}
local COUNTS = {'head', 'first', 'members', 'owners', 'texts', 'textsBefore', 'bytes', 'lastAt'}
-- The room's record, in the present life; nil when there is no such room. Writes nothing.
local function enter(key, present, nonce)
  local values = redis.call('HMGET', key, unpack(META))
  if not values[1] or values[1] == 'deleted' then return nil end
  local m = {}
  for i, name in ipairs(META) do m[name] = values[i] end
  for _, name in ipairs(COUNTS) do m[name] = tonumber(m[name]) end
  m.sanctions = tonumber(m.sanctions or '0')
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
-- A room that is not there yet, with no members; where one of this name was deleted it goes on counting.
local function create(kind, title, time, nonce)
  local grave = redis.call('HMGET', KEYS[1], 'chain', 'head', 'texts', 'lastAt')
  local head, texts = tonumber(grave[2] or '0'), tonumber(grave[3] or '0')
  local m = {kind = kind, title = title, life = life(), epoch = base36(time) .. '-' .. nonce, head = head, first = head + 1,
    members = 0, owners = 0, texts = texts, textsBefore = texts, bytes = 0, sanctions = 0,
    lastAt = math.max(time, tonumber(grave[4] or '0'))}
  local marks = {}
  for mark in string.gmatch(grave[1] or '', '[^,]+') do marks[#marks + 1] = mark end
  marks[#marks + 1] = m.epoch .. ' ' .. int(head)
  m.chain = table.concat(marks, ',', math.max(1, #marks - MAX_CHAIN + 1))
  redis.call('XADD', KEYS[2], int(head) .. '-1', 'e', '')
  redis.call('XDEL', KEYS[2], int(head) .. '-1')
  redis.call('XADD', KEYS[6], int(head) .. '-1', 'i', '')
  redis.call('XDEL', KEYS[6], int(head) .. '-1')
  redis.call('HSET', KEYS[3], '-', '')
  redis.call('ZADD', KEYS[4], 0, '')
  redis.call('HSET', KEYS[5], '-', '')
  redis.call('HSET', KEYS[8], '-', '')
  return m
end
local function putAll(m)
  redis.call('HSET', KEYS[1], 'kind', m.kind, 'title', m.title, 'life', m.life, 'chain', m.chain, 'head', int(m.head),
    'first', int(m.first), 'members', int(m.members), 'owners', int(m.owners), 'texts', int(m.texts),
    'textsBefore', int(m.textsBefore), 'bytes', int(m.bytes), 'lastAt', int(m.lastAt), 'sanctions', int(m.sanctions))
  setHead(KEYS[7], m)
end
local function metaReply(m)
  return {m.kind, m.title, m.chain, int(m.head), int(m.first), int(m.members), int(m.lastAt)}
end
-- The stored entries from a to b, oldest first. What was deleted is not in the log any more: the
-- amendments have what is left of it. A hole that neither has ends the list.
local function stored(logKey, amendsKey, a, b)
  local found, list, missing = redis.call('XRANGE', logKey, int(a) .. '-0', int(b) .. '-0'), {}, {}
  for i, entry in ipairs(found) do
    local at = #found == b - a + 1 and i or tonumber(string.match(entry[1], '^%d+')) - a + 1
    list[at] = entry[2][2]
  end
  if #found == b - a + 1 then return list end
  for i = 1, b - a + 1 do if not list[i] then missing[#missing + 1] = int(a + i - 1) end end
  for i, left in ipairs(redis.call('HMGET', amendsKey, unpack(missing))) do
    list[tonumber(missing[i]) - a + 1] = left and string.match(left, '^d (.*)$') or nil
  end
  return list
end
-- Texts of the room up to seq.
local function textsUpTo(logKey, amendsKey, m, seq)
  if seq < m.first then return m.textsBefore end
  if seq >= m.head then return m.texts end
  local entry = stored(logKey, amendsKey, seq, seq)[1]
  if not entry then return m.texts end
  return tonumber(string.match(entry, '^%a|(%d+)|'))
end
-- The user's own texts of this membership up to seq: found by halving, not by counting, so that
-- nobody can make it long. What retention took from the index lies below seq. counts: '<own> <last>'.
local function ownUpTo(idsKey, user, counts, seq)
  local own, last = string.match(counts, '^(%d+) (%d+)$')
  if tonumber(last) <= seq then return tonumber(own) end
  local upTo, above = 0, tonumber(own)
  while above - upTo > 1 do
    local middle = math.floor((upTo + above) / 2)
    local found = redis.call('HGET', idsKey, user .. '\\0\\0' .. int(middle))
    if tonumber(found or 0) <= seq then upTo = middle else above = middle end
  end
  return upTo
end
-- All texts after what is read less the user's own.
local function unreadOf(logKey, amendsKey, idsKey, m, user, record, counts)
  local read, ownAtRead = string.match(record, '^%S+ %S+ %S+ (%d+) (%d+)')
  read = tonumber(read)
  if read >= m.head then return 0 end
  local from = math.max(read, m.first - 1)
  local before = from == read and tonumber(ownAtRead) or ownUpTo(idsKey, user, counts, from)
  return m.texts - textsUpTo(logKey, amendsKey, m, from) - (tonumber(string.match(counts, '^%d+')) - before)
end
-- The membership as text, the device's cursor ('' for none), what is unread; '' for no member.
local function memberReply(logKey, amendsKey, idsKey, membersKey, m, user, device)
  local record = redis.call('HMGET', membersKey, 'm:' .. user, 'o:' .. user, 'c:' .. user)
  if not record[1] then return '' end
  local cursor = ''
  if device ~= '' and record[3] then
    for name, place in string.gmatch(record[3], '([^; ]+) ([^;]+)') do
      if name == device then cursor = place end
    end
  end
  return {record[1], cursor, int(unreadOf(logKey, amendsKey, idsKey, m, user, record[1], record[2] or '0 0'))}
end
`;

/** Rooms that are unknown or whose step has nothing to say answer false. */
export const NEED = `
local m = enter(KEYS[1], life(), ARGV[1])
if not m then return false end
`;
