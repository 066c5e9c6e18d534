/** Orders in Redis: one stream. */
import type { UserId } from '../../chat/identity.ts';
import { MAX_ORDERS, type Order, type OrderPage } from '../../chat/orders.ts';
import type { Keys } from './keys.ts';
import { listOf, textOf, textsOf } from './records.ts';
import type { RedisLink } from './redis-link.ts';
import { Script } from './script.ts';

/** KEYS: the user's index, version. Answers the time, which is now that of `rv`. */
const REVOKE = new Script(
  'revoke',
  `
local t = redis.call('TIME')
local now = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
redis.call('HSET', KEYS[1], 'rv', now)
redis.call('SETNX', KEYS[2], '0')
return now
`,
);

/** KEYS: the stream. ARGV: the order (its time is put in where it has none), most orders. */
const GIVE = new Script(
  'giveOrder',
  `
local t = redis.call('TIME')
local at = ARGV[2] ~= '' and ARGV[2] or string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[4], '*', 'o', ARGV[1] .. ' ' .. at .. ' ' .. ARGV[3])
return 1
`,
);

/** KEYS: the stream. ARGV: after (empty: only where it ends), most orders. Answers the last id, whether some are kept no more, orders. */
const ORDERS = new Script(
  'orders',
  `
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local last = newest[1] and newest[1][1] or (ARGV[1] ~= '' and ARGV[1] or '0-0')
if ARGV[1] == '' then return {last, 0, {}} end
local found = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+')
local orders = {}
for i, entry in ipairs(found) do orders[i] = entry[2][2] end
return {last, #found >= tonumber(ARGV[2]) and 1 or 0, orders}
`,
);

export async function giveOrder(link: RedisLink, keys: Keys, what: Order['do'], user: UserId): Promise<void> {
  // First what holds for whoever connects from now on, then what tells of those who are here.
  const at =
    what === 'revoke'
      ? textOf(await link.run(REVOKE, [keys.user(user, 'index'), keys.user(user, 'version')], []))
      : '';
  await link.run(GIVE, [keys.orders], [what, at, user, String(MAX_ORDERS)]);
}

export async function readOrders(link: RedisLink, keys: Keys, after: string | undefined): Promise<OrderPage> {
  const [last, isGap, found] = listOf(
    await link.run(ORDERS, [keys.orders], [after ?? '', String(MAX_ORDERS)]),
  );
  return { last: textOf(last), isGap: isGap === 1, orders: textsOf(found).map(orderOf) };
}

function orderOf(text: string): Order {
  const [what, at, user = ''] = text.split(' ');
  return { do: what === 'revoke' ? 'revoke' : 'disconnect', at: Number(at), user: user as UserId };
}
