/** The scripts on a room's log: appending, reading, retention. KEYS: ROOM_KEYS of keys.ts, in that order. */
import { MAX_EDITS } from '../../chat/about.ts';
import { NEED, PRELUDE } from './room-prelude.ts';
import { Script } from './script.ts';

/**
 * ARGV: nonce, then per draft from, id, kind's letter with what it is about (` <seq> <epoch>`) and, where
 * a program posts it, a star before, tail.
 * Answers epoch, at, and per draft `+` (stored, the next seq), `-` (not a member), `<epoch> <seq> <at>`
 * (stored before), or `!` and why not: `muted <ms>`, `banned` with ms or for ever, `blocked`, a fault of
 * chat/about.ts; among them last the first new seq; and the life.
 */
const APPEND = `
local count = (#ARGV - 1) / 4
local users, strangers, fields, known = {}, {}, {}, {}
local function refusalOf(from)
  local sanction = m.sanctions > 0 and redis.call('HGET', KEYS[3], 'x:' .. from)
  if not sanction then return nil end
  local time = math.max(now(), m.lastAt)
  local muted, banned, blocked = string.match(sanction, '^(%S+) (%S+) (%S+)$')
  if blocked == '1' then return '!blocked' end
  if banned == '0' then return '!banned' end
  if banned ~= '-' and tonumber(banned) > time then return '!banned ' .. int(tonumber(banned) - time) end
  if tonumber(muted) > time then return '!muted ' .. int(tonumber(muted) - time) end
end
-- Whoever is no member, and in whose name a program posts.
local function strangerOf(from)
  strangers[from] = strangers[from] or {own = 0, ownText = '0', refusal = refusalOf(from)}
  return strangers[from]
end
for i = 0, count - 1 do
  local from, id = ARGV[i * 4 + 2], ARGV[i * 4 + 3]
  if users[from] == nil then
    local record = redis.call('HMGET', KEYS[3], 'm:' .. from, 'o:' .. from)
    if record[1] then
      local own, last = string.match(record[2] or '0 0', '^(%d+) (%d+)$')
      users[from] = {own = tonumber(own), ownText = own, last = last, record = record[1], refusal = refusalOf(from)}
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
-- The point of a membership in the present epoch, as far as it matters here.
local function pointOf(record)
  local epoch, seq = string.match(record, '^%S+ (%S+) (%S+)')
  local isKnown, lowest, last = false, nil, nil
  for mark, base in string.gmatch(m.chain, '([^, ]+) ([^, ]+)') do
    last = tonumber(base)
    if isKnown then lowest = math.min(lowest or last, last) end
    if mark == epoch then isKnown = true end
  end
  if not isKnown then lowest = last end
  return math.min(lowest or tonumber(seq), tonumber(seq))
end
-- Why an entry may not be about seq; nil: it may. Then what is known of that one: its edits.
local function faultOf(letter, from, user, seq, epoch)
  if epoch ~= '' and epoch ~= m.epoch then return 'epoch' end
  if seq < m.first or seq > m.head then return 'none' end
  if m.kind ~= 'public' and user.record and seq <= pointOf(user.record) then return 'none' end
  local found = redis.call('XRANGE', KEYS[2], int(seq) .. '-0', int(seq) .. '-0')[1]
  if not found or string.sub(found[2][2], 1, 1) ~= 't' then return 'none' end
  local isOwn = string.match(found[2][2], '^%a|%d+|%d+|%d+|"from":"([^"]*)"') == from
  if letter == 'e' and not isOwn then return 'author' end
  if letter == 'd' and not isOwn and string.match(user.record, '^%S+') == 'member' then return 'deleter' end
  local edits = string.match(redis.call('HGET', KEYS[8], int(seq)) or '', '^e (.*)$')
  if letter == 'e' and edits then
    local _, commas = string.gsub(edits, ',', '')
    if commas + 1 >= ${MAX_EDITS} then return 'edits' end
  end
  return nil, edits
end
-- Takes the entry out of the log and keeps what is left without text and data (chat/entry.ts).
local function erase(seq)
  local found = redis.call('XRANGE', KEYS[2], seq .. '-0', seq .. '-0')[1]
  if not found then return end
  local whole = found[2][2]
  local cut = string.find(whole, ',"text":', string.find(whole, '","kind":"', 1, true), true)
  local left = cut and string.sub(whole, 1, cut - 1) .. '}' or whole
  redis.call('HSET', KEYS[8], seq, 'd ' .. left)
  redis.call('XDEL', KEYS[2], seq .. '-0')
  m.bytes = m.bytes + #left - #whole
end
local results, ids, first, texts = {}, {}, m.head + 1, int(m.texts)
for i = 0, count - 1 do
  local from, letter, tail, field = ARGV[i * 4 + 2], ARGV[i * 4 + 4], ARGV[i * 4 + 5], fields[i + 1]
  local user = users[from]
  if string.sub(letter, 1, 1) == '*' then
    letter = string.sub(letter, 2)
    if not user and m.kind ~= 'direct' then user = strangerOf(from) end
  end
  local about, epoch, fault, edits
  if user and #letter > 1 and not known[field] and not user.refusal then
    letter, about, epoch = string.match(letter, '^(%a) (%d+) (.*)$')
    fault, edits = faultOf(letter, from, user, tonumber(about), epoch)
  end
  if not user then
    results[i + 1] = '-'
  elseif known[field] then
    results[i + 1] = known[field]
  elseif user.refusal or fault then
    results[i + 1] = user.refusal or '!' .. fault
  else
    m.head = m.head + 1
    local seq = int(m.head)
    if letter == 't' then
      m.texts = m.texts + 1
      texts = int(m.texts)
      user.own, user.last, user.changed = user.own + 1, seq, true
      user.ownText = int(user.own)
      -- Where the user's texts are, for whoever counts those up to a seq.
      if user.record then
        ids[#ids + 1] = from .. '\\0\\0' .. user.ownText
        ids[#ids + 1] = seq
      end
    end
    local stored = letter .. '|' .. texts .. '|' .. user.ownText .. '|' .. at .. '|' .. tail
    redis.call('XADD', KEYS[2], seq .. '-0', 'e', stored)
    m.bytes = m.bytes + #stored
    if letter == 'e' then redis.call('HSET', KEYS[8], about, 'e ' .. (edits and edits .. ',' or '') .. seq) end
    if letter == 'd' then
      erase(about)
      for edit in string.gmatch(edits or '', '%d+') do erase(edit) end
    end
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
return {m.epoch, at, results, m.life}
`;

/**
 * ARGV: nonce, epoch (empty: the present one), from, to, limit, maxBytes, newest (1) or oldest
 * first (0), user (empty: none), whether to look for edits (1). Entries only when the epoch is the
 * present one. Answers meta, membership, lowest seq, entries, and in their order seq and newest edit of those
 * that were edited; both count for maxBytes.
 */
const READ = `
local WINDOW = 64
local entries, edited, firstSeq = {}, {}, 0
local from, to, limit, maxBytes = math.max(tonumber(ARGV[3]), m.first), math.min(tonumber(ARGV[4]), m.head), tonumber(ARGV[5]), tonumber(ARGV[6])
if (ARGV[2] == '' or ARGV[2] == m.epoch) and from <= to then
  if ARGV[7] == '1' then from = math.max(from, to - limit + 1) end
  local bytes, newest = 0, ARGV[7] == '1'
  local withEdits = ARGV[9] == '1' and redis.call('HLEN', KEYS[8]) > 1
  local a, b, isOver = from, math.min(to, from + limit - 1), false
  while a <= b and not isOver do
    local low, high = a, math.min(b, a + WINDOW - 1)
    if newest then low, high = math.max(a, b - WINDOW + 1), b end
    local list = stored(KEYS[2], KEYS[8], low, high)
    if #list < high - low + 1 then isOver = true end
    local amendments = {}
    if withEdits then
      local seqs = {}
      for seq = low, high do seqs[#seqs + 1] = int(seq) end
      amendments = redis.call('HMGET', KEYS[8], unpack(seqs))
    end
    for i = 1, #list do
      local at = newest and #list + 1 - i or i
      local entry = list[at]
      local last = amendments[at] and string.match(amendments[at], '^e .-(%d+)$')
      local edit = last and stored(KEYS[2], KEYS[8], tonumber(last), tonumber(last))[1]
      -- The edit is what is shown.
      local size = #entry + (edit and #edit or 0)
      -- A page backwards keeps under the limit; one forwards ends when it passes it.
      if newest and #entries > 0 and bytes + size > maxBytes then isOver = true break end
      entries[#entries + 1] = entry
      if edit then
        edited[#edited + 1] = int(low + at - 1)
        edited[#edited + 1] = edit
      end
      bytes = bytes + size
      if newest then firstSeq = low + at - 1 end
      if not newest and bytes > maxBytes then isOver = true break end
    end
    if newest then b = low - 1 else a = high + 1 end
  end
  if not newest and #entries > 0 then firstSeq = from end
end
local member = ''
if ARGV[8] ~= '' then member = memberReply(KEYS[2], KEYS[8], KEYS[5], KEYS[3], m, ARGV[8], '') end
open(KEYS[1], KEYS[7], m)
return {metaReply(m), member, int(firstSeq), entries, edited}
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
  oldest = stored(KEYS[2], KEYS[8], m.first, m.first)
end
local function isOver(at)
  return (maxAge and at + maxAge < time) or (maxMessages and m.head - m.first + 1 > maxMessages) or (maxBytes and m.bytes > maxBytes)
end
local function parts(stored) return string.match(stored, '^(%a)|(%d+)|(%d+)|(%d+)|"from":"([^"]*)","id":"(.-)","kind"') end
if oldest[1] then
  local _, _, _, at = parts(oldest[1])
  if isOver(tonumber(at)) then oldest = stored(KEYS[2], KEYS[8], m.first, math.min(m.head, m.first + step - 1))
  else oldest = {} end
end
local forget, keep, removed, amends, owns, ownSeqs = {}, {}, 0, {}, {}, {}
for _, entry in ipairs(oldest) do
  local seq = m.first
  local letter, texts, own, at, from, id = parts(entry)
  if not isOver(tonumber(at)) then break end
  if string.find(id, '\\\\', 1, true) then id = cjson.decode('["' .. id .. '"]')[1] end
  local field = from .. '\\0' .. id
  if tonumber(at) + idsMs < time then forget[#forget + 1] = field
  else keep[#keep + 1] = {int(seq) .. '-0', at .. ' ' .. field} end
  m.first, m.bytes, m.textsBefore = seq + 1, m.bytes - #entry, tonumber(texts)
  amends[#amends + 1] = int(seq)
  if letter == 't' then
    owns[#owns + 1] = from .. '\\0\\0' .. own
    ownSeqs[#owns] = int(seq)
  end
  removed = removed + 1
end
local goneTo
for _, entry in ipairs(goneIds) do
  local at, field = string.match(entry[2][2], '^(%d+) (.*)$')
  if tonumber(at) + idsMs >= time then break end
  forget[#forget + 1] = field
  goneTo = entry[1]
end
local forgotten, taken = #forget, {}
-- One of a later membership has the same number.
for i, seq in ipairs(#owns > 0 and redis.call('HMGET', KEYS[5], unpack(owns)) or {}) do
  if seq == ownSeqs[i] then taken[#taken + 1] = owns[i] end
end
-- What frees memory comes first: the rest of a step that has written is not refused for want of it.
if removed > 0 then redis.call('XTRIM', KEYS[2], 'MINID', int(m.first) .. '-0') end
if goneTo then redis.call('XTRIM', KEYS[6], 'MINID', int(tonumber(string.match(goneTo, '^%d+')) + 1) .. '-0') end
if removed > 0 then redis.call('HDEL', KEYS[8], unpack(amends)) end
if forgotten > 0 then redis.call('HDEL', KEYS[5], unpack(forget)) end
if #taken > 0 then redis.call('HDEL', KEYS[5], unpack(taken)) end
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
