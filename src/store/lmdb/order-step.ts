/** Orders in LMDB: a numbered list. */
import type { UserId } from '../../chat/identity.ts';
import { MAX_ORDERS, type Order, type OrderPage } from '../../chat/orders.ts';
import type { Environment } from './environment.ts';

/** Inside a write transaction. */
export function giveOrder(env: Environment, what: Order['do'], user: UserId, now: number): void {
  if (what === 'revoke') {
    const entry = env.users.get(user) ?? { version: 0, devices: {} };
    void env.users.put(user, { ...entry, revokedBefore: Math.max(now, entry.revokedBefore ?? 0) });
  }
  const number = lastOf(env) + 1;
  void env.orders.put(number, { do: what, user, at: now });
  void env.orders.remove(number - MAX_ORDERS);
}

export function readOrders(env: Environment, after: string | undefined): OrderPage {
  const last = lastOf(env);
  if (after === undefined) return { orders: [], last: String(last), isGap: false };
  const from = Number(after) + 1;
  const orders = [...env.orders.getRange({ start: from, limit: MAX_ORDERS })].map(({ value }) => value);
  return { orders, last: String(last), isGap: last - Number(after) > orders.length };
}

function lastOf(env: Environment): number {
  for (const number of env.orders.getKeys({ reverse: true, limit: 1 })) return number;
  return 0;
}
