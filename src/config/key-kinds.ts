/** Options that name keys: they are read when the server starts, so what cannot be read is a mistake. */
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fitting, type Kind } from './kinds.ts';

export function publicKeyFile(): Kind<string> {
  return fitting('a readable PEM file with a public key', (path) => {
    createPublicKey(readFileSync(path, 'utf8'));
    return true;
  });
}

export function jwkSet(): Kind<string> {
  return fitting('a readable file with a JWK set, or its http or https URL', (given) => {
    if (/^https?:/.test(given)) return URL.canParse(given);
    const found: unknown = JSON.parse(readFileSync(given, 'utf8'));
    return typeof found === 'object' && found !== null && 'keys' in found && Array.isArray(found.keys);
  });
}
