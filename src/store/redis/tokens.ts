/** Shared limits in Redis: a counter a key, which is gone when its window is over. */
import type { TokenAsk, TokenGrant } from '../../chat/store-types.ts';
import { SHARE } from '../../chat/token-share.ts';
import { inWindows } from './chunks.ts';
import type { Keys } from './keys.ts';
import { listOf } from './records.ts';
import type { RedisLink } from './redis-link.ts';
import { Script } from './script.ts';

/** KEYS: the counter. ARGV: want, least, count, window. Answers what is granted (chat/token-share.ts), and how long the window lasts. */
const TAKE = new Script(
  'takeTokens',
  `
local want, least, count, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local left = redis.call('PTTL', KEYS[1])
local used = left > 0 and tonumber(redis.call('GET', KEYS[1])) or 0
if left <= 0 or left > window then left = window end
local rest, granted = count - used, 0
if want > 0 and rest >= least then granted = math.min(want, math.max(least, math.floor(rest / ${SHARE}))) end
local taken = want < 0 and want or granted
if taken ~= 0 then redis.call('SET', KEYS[1], string.format('%.0f', math.max(0, used + taken)), 'PX', left) end
return {granted, left}
`,
);

export function takeTokens(link: RedisLink, keys: Keys, asks: readonly TokenAsk[]): Promise<TokenGrant[]> {
  return inWindows(asks, async ({ key, want, least, count, perMs }) => {
    const args = [want, least, count, perMs].map((number) => String(Math.round(number)));
    const [granted, leftMs] = listOf(await link.run(TAKE, [keys.tokens(key)], args));
    return { granted: Number(granted), leftMs: Number(leftMs) };
  });
}
