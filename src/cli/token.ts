/** `chat-server token`: a JWT for trying out, signed with the configured secret. */
import type { Command } from 'commander';
import { SignJWT } from 'jose';
import { ConfigError, loadConfig, type Config } from '../config/config.ts';
import { duration } from '../config/kinds.ts';
import { NAMESPACE_PATTERN, USER_PATTERN } from '../protocol/words.ts';
import { addServerOptions, type Flags } from './command-line.ts';

const LIFETIME = duration('1s', '3650d');
const DEFAULT_LIFETIME = '1h';
const NEEDS_SECRET =
  '--jwt-secret (CHAT_JWT_SECRET) is needed to sign; with --jwt-public-key or --jwt-jwks tokens come from whoever has the private key';

export function addTokenOptions(command: Command): Command {
  command
    .optionsGroup('The token:')
    .option('--user <USER>', 'Whose token it is (sub).')
    .option('--name <TEXT>', 'The name to show.')
    .option('--namespaces <LIST>', 'Where it may connect, comma separated; without it everywhere.')
    .option('--expires <TIME>', `How long it is good for. Default ${DEFAULT_LIFETIME}.`);
  return addServerOptions(command, ['Who may come in']);
}

/** Prints the token alone on stdout. */
export async function token(flags: Flags, mistakes: readonly string[]): Promise<number> {
  const { user, name, namespaces, expires = DEFAULT_LIFETIME, ...server } = flags;
  const lifetime = LIFETIME.read(expires)?.value;
  const spaces = namespaces?.split(',').filter((space) => space !== '');
  const own: string[] = [];
  if (user === undefined || !USER_PATTERN.test(user))
    own.push(`--user must match ${USER_PATTERN.source}; got ${shown(user)}`);
  if (lifetime === undefined) own.push(`--expires must be ${LIFETIME.takes}; got ${shown(expires)}`);
  for (const space of spaces ?? [])
    if (space !== '/' && !NAMESPACE_PATTERN.test(space))
      own.push(
        `--namespaces must be a list, each / or matching ${NAMESPACE_PATTERN.source}; got ${shown(space)}`,
      );
  // Tokens need --auth jwt, so it goes without saying here.
  const env = { ...process.env, CHAT_AUTH: process.env['CHAT_AUTH'] || 'jwt' };
  if ((server['jwtSecret'] ?? process.env['CHAT_JWT_SECRET'] ?? '') === '') own.push(NEEDS_SECRET);
  const { config } = loadConfig(server, env, [...mistakes, ...own]);
  const claims = {
    ...(name === undefined ? {} : { name }),
    ...(spaces === undefined ? {} : { namespaces: spaces }),
  };
  const jwt = await sign(config, user ?? '', claims, lifetime ?? 0);
  process.stdout.write(`${jwt}\n`);
  return 0;
}

function sign(config: Config, user: string, claims: object, lifetimeMs: number): Promise<string> {
  const { jwtSecret, jwtIssuer, jwtAudience } = config;
  if (jwtSecret === undefined) {
    throw new ConfigError([NEEDS_SECRET]);
  }
  const now = Math.floor(Date.now() / 1_000);
  const jwt = new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setIssuedAt(now)
    .setExpirationTime(now + Math.ceil(lifetimeMs / 1_000));
  if (jwtIssuer !== undefined) jwt.setIssuer(jwtIssuer);
  if (jwtAudience !== undefined) jwt.setAudience(jwtAudience);
  return jwt.sign(new TextEncoder().encode(jwtSecret));
}

function shown(given: string | undefined): string {
  return given === undefined ? 'nothing' : JSON.stringify(given);
}
