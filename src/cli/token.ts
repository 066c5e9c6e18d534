/** `chat-server token`: a JWT for trying out, signed with --jwt-secret. */
import { SignJWT } from 'jose';
import { ConfigError, loadConfig } from '../config/config.ts';
import type { Flags } from './command-line.ts';

const OWN = new Set(['user', 'name', 'forNamespaces', 'expires']);

export async function token(flags: Flags, stray: readonly string[]): Promise<number> {
  const server = Object.fromEntries(Object.entries(flags).filter(([name]) => !OWN.has(name)));
  const { config } = loadConfig({ auth: 'jwt', ...server }, process.env, stray);
  if (config.jwtSecret === undefined)
    throw new ConfigError([
      'chat-server token signs with --jwt-secret (or CHAT_JWT_SECRET); tokens for a public key come from whoever has the private one',
    ]);
  const claims: Record<string, unknown> = {};
  if (flags['name'] !== undefined) claims['name'] = flags['name'];
  if (flags['forNamespaces'] !== undefined) claims['namespaces'] = flags['forNamespaces'].split(',');
  let jwt = new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(flags['user'] ?? '')
    .setIssuedAt();
  jwt = jwt.setExpirationTime(expiry(flags['expires'] ?? '1h'));
  if (config.jwtIssuer !== undefined) jwt = jwt.setIssuer(config.jwtIssuer);
  if (config.jwtAudience !== undefined) jwt = jwt.setAudience(config.jwtAudience);
  process.stdout.write(`${await jwt.sign(new TextEncoder().encode(config.jwtSecret))}\n`);
  return 0;
}

function expiry(text: string): string {
  if (!/^\d+[smhd]$/.test(text))
    throw new ConfigError([
      `--expires: expected a duration such as 15m, 1h or 30d; got ${JSON.stringify(text)}`,
    ]);
  return text;
}
