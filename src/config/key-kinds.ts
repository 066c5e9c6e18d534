/** Options that name keys: they are read when the server starts, so what cannot be read is a mistake. */
import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fitting, httpUrl, type Kind } from './kinds.ts';

export function publicKeyFile(): Kind<string> {
  return fitting('a readable PEM file with a public key', (path) => {
    createPublicKey(readFileSync(path, 'utf8'));
    return true;
  });
}

export function jwkSet(): Kind<string> {
  const url = httpUrl();
  return fitting('a readable file with a JWK set, or its http or https URL without a user in it', (given) => {
    if (/^https?:/.test(given)) return url.read(given) !== undefined;
    const found: unknown = JSON.parse(readFileSync(given, 'utf8'));
    return typeof found === 'object' && found !== null && 'keys' in found && Array.isArray(found.keys);
  });
}

/** A program's key as the server holds it. */
export interface HashedKey {
  readonly name: string;
  readonly scopes: readonly ('read' | 'post' | 'admin')[];
  /** SHA-256 of the key, hex: the key itself is forgotten. */
  readonly hash: string;
  /** Below `MIN_KEY_LENGTH`. */
  readonly isShort: boolean;
}

/** Characters of a key that cannot be guessed. */
export const MIN_KEY_LENGTH = 16;

const SCOPES = ['read', 'post', 'admin'] as const;

/** `[NAME[:SCOPES]=]KEY`, several joined by commas; without scopes a key has all. */
export function apiKeys(): Kind<readonly HashedKey[]> {
  return {
    takes:
      'a list of [NAME[:SCOPES]=]KEY, SCOPES of read, post, admin joined by +, each NAME once and none of those',
    read(given) {
      const keys: HashedKey[] = [];
      const texts = given.split(',').map((one) => one.trim());
      for (const text of texts.filter((one) => one !== '')) {
        const key = apiKey(text, `key-${keys.length + 1}`);
        if (key === undefined || keys.some(({ name }) => name === key.name)) return undefined;
        keys.push(key);
      }
      return { value: keys };
    },
  };
}

function apiKey(text: string, unnamed: string): HashedKey | undefined {
  const match = /^(?:([A-Za-z0-9_.-]{1,64})(?::([a-z+]+))?=(?!=*$))?([\x21-\x2b\x2d-\x7e]{1,512})$/.exec(
    text,
  );
  const [, name = unnamed, given = SCOPES.join('+'), key] = match ?? [];
  // A name or scopes that do not fit would make a part of what was meant to be said the key.
  if (key === undefined || (match?.[1] === undefined && /[:=](?!=*$)/.test(key))) return undefined;
  if (SCOPES.some((scope) => scope === name)) return undefined;
  const scopes = SCOPES.filter((scope) => given.split('+').includes(scope));
  if (scopes.length !== given.split('+').length) return undefined;
  const hash = createHash('sha256').update(key).digest('hex');
  return { name, scopes, hash, isShort: key.length < MIN_KEY_LENGTH };
}
