/** Shared limits in LMDB: one record a key, until its window is over. Each inside one write transaction. */
import type { TokenAsk, TokenGrant } from '../../chat/store-types.ts';
import { grantOf } from '../../chat/token-share.ts';
import type { Environment } from './environment.ts';

/** Records that are looked at in one step. */
const SWEEP_STEP = 1_000;

export function takeTokens(env: Environment, ask: TokenAsk, now: number): TokenGrant {
  const known = env.tokens.get(ask.key);
  // A clock that was set back must not make a window longer than it is.
  const isRunning = known !== undefined && known.until > now && known.until <= now + ask.perMs;
  const used = isRunning ? known.used : 0;
  const until = isRunning ? known.until : now + ask.perMs;
  const granted = grantOf(ask, used);
  const taken = ask.want < 0 ? ask.want : granted;
  if (taken !== 0) void env.tokens.put(ask.key, { used: Math.max(0, used + taken), until });
  return { granted, leftMs: until - now };
}

/** Forgets windows that are over, from `after` on; where to go on, undefined: that was all. */
export function sweepTokens(env: Environment, after: string, now: number): string | undefined {
  let last: string | undefined;
  let looked = 0;
  for (const { key, value } of env.tokens.getRange({ start: after, limit: SWEEP_STEP })) {
    if (value.until <= now) void env.tokens.remove(key);
    last = key;
    looked += 1;
  }
  return looked < SWEEP_STEP ? undefined : last;
}
