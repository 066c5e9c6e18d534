/**
 * What cannot go together, told with both names and both values; and what may be meant but
 * should be known. Options that are wrong by themselves are missing here, and told elsewhere.
 */
import type { Config } from './config.ts';
import { MIN_KEY_LENGTH } from './key-kinds.ts';
import { flagOf, OPTION_NAMES, type OptionName } from './options.ts';

/** `said`: the name under which an option was given. */
export function contradictions(config: Partial<Config>, said: (name: OptionName) => string): string[] {
  return [
    ...ofTokens(config, said),
    ...ofHooks(config, said),
    ...ofFaults(config, said),
    ...ofSizes(config, said),
  ];
}

const KEYS = ['jwtSecret', 'jwtPublicKey', 'jwtJwks'] as const satisfies readonly OptionName[];
const MIN_SECRET_BYTES = 32;

function ofTokens(config: Partial<Config>, said: (name: OptionName) => string): string[] {
  const found: string[] = [];
  const keys = KEYS.filter((name) => config[name] !== undefined);
  const ofJwt = OPTION_NAMES.filter((name) => name.startsWith('jwt') && config[name] !== undefined);
  if (config.auth === 'jwt' && keys.length === 0)
    found.push(`${said('auth')} (jwt) needs one of ${KEYS.map(flagOf).join(', ')}; got none`);
  if (keys.length > 1)
    found.push(`${keys.map(said).join(' and ')} exclude each other: tokens are checked with one kind of key`);
  if (config.auth === 'guest' && ofJwt.length > 0)
    found.push(`${ofJwt.map(said).join(', ')} must go with --auth jwt; ${said('auth')} is guest`);
  const { jwtSecret, apiKey = [] } = config;
  const where = reachedBy(config);
  if (where === undefined) return found;
  if (isShort(jwtSecret)) {
    found.push(
      `${said('jwtSecret')} must be at least ${MIN_SECRET_BYTES} bytes ${where}; got ${Buffer.byteLength(jwtSecret ?? '')}`,
    );
  }
  const short = apiKey.filter((key) => key.isShort).map(({ name }) => name);
  if (short.length > 0)
    found.push(
      `${said('apiKey')} must be of at least ${MIN_KEY_LENGTH} characters ${where}; too short: ${short.join(', ')}`,
    );
  return found;
}

/** How others than this machine reach the server; undefined: they do not. */
function reachedBy({ host = '', trustProxy = 0 }: Partial<Config>): string | undefined {
  if (!isLoopback(host)) return `on ${host}`;
  return trustProxy > 0 ? 'behind a proxy (--trust-proxy)' : undefined;
}

function isShort(secret: string | undefined): boolean {
  return secret !== undefined && Buffer.byteLength(secret) < MIN_SECRET_BYTES;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

const MIN_HOOK_SECRET_BYTES = 16;

/** Of the key that it stands for. */
function hookKeyBytes(secret: string): number {
  const [, base64] = /^whsec_(.*)$/s.exec(secret) ?? [];
  return base64 === undefined ? Buffer.byteLength(secret) : Buffer.from(base64, 'base64').length;
}

function ofHooks(
  { hook = [], authorize, hookSecret }: Partial<Config>,
  said: (name: OptionName) => string,
): string[] {
  const bytes = hookKeyBytes(hookSecret ?? '');
  if (hookSecret !== undefined && bytes < MIN_HOOK_SECRET_BYTES)
    return [
      `${said('hookSecret')} must be at least ${MIN_HOOK_SECRET_BYTES} bytes, behind whsec_ as base64; got ${bytes}`,
    ];
  if ((hook.length === 0 && authorize === undefined) || hookSecret !== undefined) return [];
  const needs = said(hook.length > 0 ? 'hook' : 'authorize');
  return [`${needs} needs --hook-secret: receivers tell by it that what comes is this server’s`];
}

function ofFaults({ faults, allowFaults }: Partial<Config>, said: (name: OptionName) => string): string[] {
  if (faults === undefined || allowFaults === true) return [];
  return [`${said('faults')} is for drills and tests only; it needs --allow-faults`];
}

/** The first may not be above the second. */
const ORDERED = [
  ['maxBufferedBytes', 'maxSocketBytes'],
  ['maxPageBytes', 'maxSocketBytes'],
  ['maxPacketBytes', 'maxQueuedBytes'],
] as const satisfies readonly (readonly [OptionName, OptionName])[];

/** Of a packet, for what is not text or data: names, ids, braces. */
const PACKET_OVERHEAD_BYTES = 1_024;

function ofSizes(config: Partial<Config>, said: (name: OptionName) => string): string[] {
  const found: string[] = [];
  for (const [small, large] of ORDERED) {
    const [a, b] = [config[small], config[large]];
    if (a !== undefined && b !== undefined && a > b)
      found.push(`${said(small)} (${a}) must be at most ${said(large)} (${b})`);
  }
  const { maxPacketBytes: packet, maxTextBytes: text, maxDataBytes: data } = config;
  if (packet === undefined || text === undefined || data === undefined) return found;
  if (packet < text + data + PACKET_OVERHEAD_BYTES) {
    found.push(
      `${said('maxPacketBytes')} (${packet}) must hold ${said('maxTextBytes')} (${text}), ${said('maxDataBytes')} (${data}) and ${PACKET_OVERHEAD_BYTES} more`,
    );
  }
  return found;
}

/** What is let pass where only this machine can reach it. */
export function warningsOf(config: Config): string[] {
  const { auth, jwtSecret, apiKey, rateBytes, maxPacketBytes } = config;
  const found: string[] = [];
  const where = reachedBy(config);
  if (auth === 'guest' && where !== undefined)
    found.push(
      `--auth guest ${where}: whoever reaches it can be any user; use --auth jwt, or only --host 127.0.0.1`,
    );
  if (rateBytes !== undefined && rateBytes.count < maxPacketBytes)
    found.push(
      `--rate-bytes (${rateBytes.count}) is less than --max-packet-bytes (${maxPacketBytes}): a packet between the two can never be sent`,
    );
  if (isShort(jwtSecret))
    found.push(
      `--jwt-secret has less than ${MIN_SECRET_BYTES} bytes: it can be guessed, and is refused on any other host than a loopback one`,
    );
  if (apiKey.some((key) => key.isShort))
    found.push(
      `--api-key has less than ${MIN_KEY_LENGTH} characters: it can be guessed, and is refused on any other host than a loopback one`,
    );
  return found;
}
