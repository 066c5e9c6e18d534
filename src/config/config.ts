/**
 * The configuration: read from flags and environment, checked as a whole, frozen.
 *
 * All mistakes are found before any is reported. Only this folder reads the environment.
 */
import { nearest } from './nearest.ts';
import { envOf, flagOf, OPTIONS, type OptionName, type OptionRow } from './options.ts';
import { Expected } from './values.ts';

/** Durations are in milliseconds, sizes in bytes; what has no default may be undefined. */
export type Config = {
  readonly [N in OptionName]:
    | ReturnType<(typeof OPTIONS)[N]['read']>
    | ((typeof OPTIONS)[N]['default'] extends string ? never : undefined);
};

/** Everything that is wrong, one line each. */
export class ConfigError extends Error {
  readonly exitCode = 78;
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'));
    this.name = 'ConfigError';
    this.mistakes = mistakes;
  }
}

export interface Loaded {
  readonly config: Config;
  /** To be told, but no reason not to start. */
  readonly warnings: readonly string[];
}

type Texts = Readonly<Record<string, string | undefined>>;

const NAMES = Object.keys(OPTIONS) as OptionName[];

/** From flags (by option name, as text) and environment. Throws `ConfigError`. */
export function loadConfig(flags: Texts, env: Texts): Loaded {
  const mistakes: string[] = unknownVariables(env);
  const values: Record<string, unknown> = {};
  for (const name of NAMES) {
    const option: OptionRow = OPTIONS[name];
    const isFaults = name === 'faults';
    const given = isFaults ? undefined : flags[name];
    const text = given ?? env[envOf(name)] ?? option.default;
    if (text === undefined) continue;
    try {
      values[name] = option.read(text);
    } catch (error) {
      if (!(error instanceof Expected)) throw error;
      const from = given === undefined ? envOf(name) : flagOf(name);
      mistakes.push(
        `${from}: expected ${error.message}; got ${option.isSecret === true ? 'a secret that is not' : JSON.stringify(text)}`,
      );
    }
  }
  const config = values as unknown as Config;
  if (mistakes.length === 0) mistakes.push(...contradictions(config));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return { config: Object.freeze(config), warnings: warningsOf(config) };
}

function unknownVariables(env: Texts): string[] {
  const known = new Map(NAMES.map((name) => [envOf(name), name]));
  return Object.keys(env)
    .filter((name) => name.startsWith('CHAT_') && !known.has(name))
    .map((name) => `${name}: no such variable${nearest(name, [...known.keys()])}`);
}

/** What cannot go together; both names, both values. */
function contradictions(config: Config): string[] {
  const found: string[] = [];
  const keys = (['jwtSecret', 'jwtPublicKey', 'jwtJwks'] as const).filter(
    (name) => config[name] !== undefined,
  );
  if (config.auth === 'jwt' && keys.length === 0)
    found.push('--auth jwt needs a key: --jwt-secret, --jwt-public-key or --jwt-jwks');
  if (keys.length > 1)
    found.push(
      `${keys.map(flagOf).join(' and ')} cannot go together: tokens are checked with one kind of key`,
    );
  const jwt = NAMES.filter((name) => name.startsWith('jwt') && config[name] !== undefined);
  if (config.auth === 'guest' && jwt.length > 0)
    found.push(`${jwt.map(flagOf).join(', ')} need --auth jwt (it is guest)`);
  const secretBytes = Buffer.byteLength(config.jwtSecret ?? '');
  if (config.jwtSecret !== undefined && secretBytes < 32)
    found.push(`--jwt-secret must be at least 32 bytes; got ${secretBytes}`);
  if (config.faults !== undefined && config.allowFaults !== true)
    found.push('CHAT_FAULTS needs --allow-faults: faults are for drills and tests');
  if (config.maxBufferedBytes > config.maxSocketBytes) {
    found.push(
      `--max-buffered-bytes (${config.maxBufferedBytes}) must not be above --max-socket-bytes (${config.maxSocketBytes})`,
    );
  }
  if (config.maxTextBytes + config.maxDataBytes + 1_024 > config.maxPacketBytes) {
    found.push(
      `--max-packet-bytes (${config.maxPacketBytes}) must hold --max-text-bytes (${config.maxTextBytes}) and --max-data-bytes (${config.maxDataBytes}) and 1024 more`,
    );
  }
  return found;
}

function warningsOf({ auth, host }: Config): string[] {
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.');
  return auth === 'guest' && !isLoopback
    ? [`--auth guest on ${host}: whoever can reach it can be anybody; use --auth jwt, or --host 127.0.0.1`]
    : [];
}

/** As text for a person, secrets masked. */
export function describeConfig(config: Config): [string, string][] {
  return NAMES.filter((name) => config[name] !== undefined).map((name) => {
    const option: OptionRow = OPTIONS[name];
    const value = config[name];
    const shown =
      option.isSecret === true
        ? '(a secret)'
        : typeof value === 'object'
          ? JSON.stringify(value)
          : String(value);
    return [flagOf(name), shown.replace(/\/\/[^@/]*@/, '//(secret)@')];
  });
}
