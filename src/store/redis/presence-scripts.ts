/** The scripts on presence. A lease that has ended stays so: what it entered is only ever taken back. */
import { NOW, Script } from './script.ts';

/** KEYS: leases. ARGV: lease, how long. */
const OPEN = `
redis.call('ZADD', KEYS[1], int(now() + tonumber(ARGV[2])), ARGV[1])
return 1
`;

/** KEYS: leases. ARGV: lease, how long. Answers 0 for one that has ended. */
const RENEW = `
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) <= now() then return 0 end
redis.call('ZADD', KEYS[1], int(now() + tonumber(ARGV[2])), ARGV[1])
return 1
`;

/** KEYS: leases, roles. ARGV: role, lease. Answers 1 where it has the role now. */
const CLAIM = `
local holder = redis.call('HGET', KEYS[2], ARGV[1])
if holder == ARGV[2] then return 1 end
local score = holder and redis.call('ZSCORE', KEYS[1], holder)
if score and tonumber(score) > now() then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1
`;

/** KEYS: leases. Answers the time, and each lease and when it ends. */
const LEASES = `
return {int(now()), redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')}
`;

/** KEYS: presence of users. ARGV: lease; of each its entry (empty: none) and when it was last seen. Answers the records. */
const ENTER = `
local records = {}
for i, key in ipairs(KEYS) do
  local own, lastSeen = ARGV[2 * i], ARGV[2 * i + 1]
  local text = redis.call('GET', key) or '0'
  local seen = tonumber(string.match(text, '^%d+'))
  local parts = {}
  for lease, entry in string.gmatch(text, ' (%w+)=(%S+)') do
    if lease ~= ARGV[1] then parts[#parts + 1] = ' ' .. lease .. '=' .. entry end
  end
  if own ~= '' then parts[#parts + 1] = ' ' .. ARGV[1] .. '=' .. own
  else seen = math.max(seen, tonumber(lastSeen)) end
  text = int(seen) .. table.concat(parts)
  redis.call('SET', key, text)
  records[i] = text
end
return records
`;

export const PRESENCE_SCRIPTS = {
  open: new Script('openLease', NOW, OPEN),
  renew: new Script('renewLease', NOW, RENEW),
  leases: new Script('leases', NOW, LEASES),
  claim: new Script('claimRole', NOW, CLAIM),
  enter: new Script('enterPresence', NOW, ENTER),
} as const;
