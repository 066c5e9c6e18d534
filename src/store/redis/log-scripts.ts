/** The scripts on a room's log: appending, reading, retention. KEYS: ROOM_KEYS of keys.ts, in that order. */
import { NEED, PRELUDE } from './room-prelude.ts';
import { Script } from './script.ts';

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
      users[from] = {own = tonumber(own), ownText = own, last = last}
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
local at = int(math.max(now(), m.lastAt))
local results, ids, first, texts = {}, {}, m.head + 1, int(m.texts)
for i = 0, count - 1 do
  local from, letter, tail, field = ARGV[i * 4 + 2], ARGV[i * 4 + 4], ARGV[i * 4 + 5], fields[i + 1]
  local user = users[from]
  if not user then
    results[i + 1] = '-'
  elseif known[field] then
    results[i + 1] = known[field]
  else
    m.head = m.head + 1
    local seq = int(m.head)
    if letter == 't' then
      m.texts = m.texts + 1
      texts = int(m.texts)
      user.own, user.last, user.changed = user.own + 1, seq, true
      user.ownText = int(user.own)
    end
    local stored = letter .. '|' .. texts .. '|' .. user.ownText .. '|' .. at .. '|' .. tail
    redis.call('XADD', KEYS[2], seq .. '-0', 'e', stored)
    m.bytes = m.bytes + #stored
    known[field] = m.epoch .. ' ' .. seq .. ' ' .. at
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
    if user and user.changed then redis.call('HSET', KEYS[3], 'o:' .. from, user.ownText .. ' ' .. user.last) end
  end
  redis.call('HSET', KEYS[1], 'life', m.life, 'chain', m.chain, 'head', int(m.head), 'texts', int(m.texts),
    'bytes', int(m.bytes), 'lastAt', at)
  setHead(KEYS[7], m)
end
results[count + 1] = int(first)
return {m.epoch, at, results}
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

export const LOG_SCRIPTS = {
  append: new Script('append', PRELUDE, NEED, APPEND),
  read: new Script('read', PRELUDE, NEED, READ),
  retain: new Script('retain', PRELUDE, NEED, RETAIN),
} as const;
