/**
 * Whether a Redis may hold the truth: new enough, not evicting, ours. And what an
 * acknowledgement stands for there.
 */
import { StoreUnavailable } from '../../chat/store-unavailable.ts';
import type { Log } from '../../ops/log.ts';
import type { Durability } from '../../protocol/words.ts';
import { FORMAT } from './keys.ts';

/** This Redis cannot be used; says what was found and what is needed. */
export class RedisRefused extends Error {
  readonly exitCode = 69;

  constructor(message: string) {
    super(message);
    this.name = 'RedisRefused';
  }
}

const MIN_MAJOR = 7;

type Send = (command: readonly string[]) => Promise<unknown>;

/** What one server is; `undefined` where it does not say. */
export interface ServerState {
  readonly durability: Durability;
  /** For an operator; the same text is said once. */
  readonly warnings: readonly string[];
}

/** Rejects with `RedisRefused`, or `StoreUnavailable` when it does not answer. */
export async function checkServer(send: Send, name: string): Promise<ServerState> {
  const info = String(await send(['INFO', 'server']));
  const version = /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown';
  // Valkey says 7.2.4 here whatever its own version is, which is what it is compatible with.
  if (!(Number.parseInt(version, 10) >= MIN_MAJOR))
    throw new RedisRefused(`Redis at ${name} is version ${version}; ${MIN_MAJOR}.0 or newer is needed`);
  const config = await readConfig(send);
  if (config === undefined)
    return {
      durability: 'memory',
      warnings: [
        `Redis at ${name} does not tell its configuration (CONFIG GET); make sure that maxmemory-policy is noeviction. Acknowledgements will say "memory"`,
      ],
    };
  const policy = config.get('maxmemory-policy') ?? 'noeviction';
  if (Number(config.get('maxmemory') ?? 0) > 0 && policy !== 'noeviction')
    throw new RedisRefused(
      `Redis at ${name} may evict what it stores (maxmemory-policy ${policy}); noeviction is needed`,
    );
  const hasAof = config.get('appendonly') === 'yes';
  if (hasAof && config.get('appendfsync') === 'always') return { durability: 'disk', warnings: [] };
  const warning = hasAof
    ? `Redis at ${name} flushes its append-only file with appendfsync ${config.get('appendfsync') ?? 'unknown'}: a crash of its host may lose acknowledged messages; acknowledgements say "memory"`
    : `Redis at ${name} keeps no append-only file (appendonly no): its restart loses messages; acknowledgements say "memory"`;
  return { durability: 'memory', warnings: [warning] };
}

async function readConfig(send: Send): Promise<Map<string, string> | undefined> {
  let reply: unknown;
  try {
    reply = await send(['CONFIG', 'GET', 'maxmemory', 'maxmemory-policy', 'appendonly', 'appendfsync']);
  } catch (error) {
    // Hosted Redis often has no CONFIG, or not for us.
    const reason = error instanceof StoreUnavailable ? error.cause : error;
    if (reason instanceof Error && /^(ERR|NOPERM)/.test(reason.message)) return undefined;
    throw error;
  }
  if (Array.isArray(reply)) {
    const map = new Map<string, string>();
    for (let i = 0; i + 1 < reply.length; i += 2) map.set(String(reply[i]), String(reply[i + 1]));
    return map;
  }
  if (reply instanceof Map) return new Map([...reply].map(([name, value]) => [String(name), String(value)]));
  return new Map(Object.entries(reply ?? {}).map(([name, value]) => [name, String(value)]));
}

/** Writes the format where there is none. Rejects with `RedisRefused` for another. */
export async function checkFormat(send: Send, key: string, name: string): Promise<void> {
  let found: unknown;
  try {
    await send(['SET', key, FORMAT, 'NX']);
    found = await send(['GET', key]);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('WRONGTYPE')) found = 'of another kind';
    else throw error;
  }
  if (found !== FORMAT)
    throw new RedisRefused(
      `Redis at ${name} holds format ${String(found)} under ${key}, this release reads ${FORMAT}; use the release that wrote it, or another --redis-prefix`,
    );
}

/** Says each warning once. */
export class Warner {
  readonly #log: Log | undefined;
  readonly #said = new Set<string>();

  constructor(log: Log | undefined) {
    this.#log = log;
  }

  say(warnings: readonly string[]): void {
    for (const warning of warnings) {
      if (this.#said.has(warning) || this.#said.size > 100) continue;
      this.#said.add(warning);
      this.#log?.warn({}, warning);
    }
  }
}
