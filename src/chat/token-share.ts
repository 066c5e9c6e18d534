/** What one asker is granted of what is left of a shared limit. Pure: both stores count so. */
import type { TokenAsk } from './store-types.ts';

/** Of a rest one asker gets this part at most, or what it must have. */
export const SHARE = 16;

export function grantOf({ want, least, count }: TokenAsk, used: number): number {
  const left = count - used;
  if (want <= 0 || left < least) return 0;
  return Math.min(want, Math.max(least, Math.floor(left / SHARE)));
}
