/** Keys of programs: what each may. Only their hashes are held, so none can be read out or logged. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Scope } from '../../protocol/api.ts';
import { ChatError } from '../../protocol/errors.ts';

export interface ApiKey {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** SHA-256 of the key, hex. */
  readonly hash: string;
}

/** The key of an `Authorization` header. Throws `unauthorized`. */
export function keyOf(header: string | undefined, keys: readonly ApiKey[]): ApiKey {
  const given = /^Bearer +(\S{1,512})$/i.exec(header ?? '')?.[1];
  if (given === undefined)
    throw new ChatError('unauthorized', 'an API key is required: Authorization: Bearer <key>');
  const hash = createHash('sha256').update(given).digest();
  // All are compared, so that the time tells nothing of which.
  let found: ApiKey | undefined;
  for (const key of keys) if (timingSafeEqual(hash, Buffer.from(key.hash, 'hex'))) found = key;
  if (found === undefined) throw new ChatError('unauthorized', 'no such API key');
  return found;
}

export function checkScope({ name, scopes }: ApiKey, scope: Scope): void {
  if (!scopes.includes(scope))
    throw new ChatError('forbidden', `the key ${name} has ${scopes.join(', ')}; this needs ${scope}`);
}
