/**
 * The configuration: read from flags and environment, checked as a whole, frozen.
 *
 * All mistakes are told together. Only this folder knows the environment's names.
 */
import { contradictions, warningsOf } from './contradictions.ts';
import { nearest } from './nearest.ts';
import { envOf, flagOf, OPTION_NAMES, optionRow, type OptionName, type OPTIONS } from './options.ts';

type Value<N extends OptionName> = NonNullable<ReturnType<(typeof OPTIONS)[N]['kind']['read']>>['value'];

/** Durations are in milliseconds, sizes in bytes. What has no default may be undefined. */
export type Config = {
  readonly [N in OptionName]: (typeof OPTIONS)[N] extends { readonly default: string }
    ? Value<N>
    : Value<N> | undefined;
};

/** What a worker runs with. */
export type WorkerConfig = Config & {
  /** The files of data that the primary claimed (`Claim.dataFiles`); on Redis none. */
  readonly dataFiles?: string | undefined;
  /** The URL of a module of the application, with hooks. */
  readonly hooksModule?: string | undefined;
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

/**
 * A flag wins over its variable; an empty variable counts as not set. `mistakes`: found by the
 * caller, told together with these. Throws `ConfigError`.
 */
export function loadConfig(flags: Texts, env: Texts, mistakes: readonly string[] = []): Loaded {
  const found = [...mistakes, ...unknownVariables(env)];
  const values: Partial<Record<OptionName, unknown>> = {};
  const sources = new Map<OptionName, string>();
  for (const name of OPTION_NAMES) {
    const { kind, default: fallback, isSecret = false, isEnvOnly = false } = optionRow(name);
    const flag = isEnvOnly ? undefined : flags[name];
    const text = flag ?? (env[envOf(name)] || fallback);
    const source = flag === undefined && text !== fallback ? envOf(name) : flagOf(name);
    sources.set(name, source);
    if (text === undefined) continue;
    const read = kind.read(text);
    if (read === undefined)
      found.push(
        `${source} must be ${kind.takes}; got ${isSecret ? 'something else' : JSON.stringify(masked(text))}`,
      );
    else values[name] = read.value;
  }
  const partial = values as Partial<Config>;
  found.push(...contradictions(partial, (name) => sources.get(name) ?? flagOf(name)));
  if (found.length > 0) throw new ConfigError(found);
  const config = Object.freeze(partial as Config);
  return { config, warnings: warningsOf(config) };
}

/** What Kubernetes and Docker put beside a service that is named `chat`. */
const OF_OTHERS = /_SERVICE_(HOST|PORT)|_PORT_\d+_/;
const LINKED =
  ' (of a Kubernetes Service or a Docker link named chat: set enableServiceLinks: false, or rename it)';

function unknownVariables(env: Texts): string[] {
  const known = OPTION_NAMES.map(envOf);
  return Object.keys(env)
    .filter((name) => name.startsWith('CHAT_') && !known.includes(name))
    .map(
      (name) =>
        `${name} is no variable of this server${OF_OTHERS.test(name) ? LINKED : nearest(name, known)}`,
    );
}

/** Name and value of every option that is set, for a person; secrets are masked. */
export function describeConfig(config: Config): (readonly [name: string, value: string])[] {
  return OPTION_NAMES.filter((name) => config[name] !== undefined).map((name) => {
    const { isSecret = false, isEnvOnly = false, kind } = optionRow(name);
    const shown = isSecret ? '(a secret)' : masked(textOf(config[name], kind.unit));
    return [isEnvOnly ? envOf(name) : flagOf(name), shown];
  });
}

/** As it may be given back. */
function textOf(value: unknown, unit = ''): string {
  if (Array.isArray(value)) return value.join(',');
  if (typeof value === 'number') return `${value}${unit}`;
  if (typeof value === 'object' && value !== null && 'perMs' in value && 'count' in value)
    return `${String(value.count)}/${String(value.perMs)}ms`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Without what stands before the host of an address: user and password. */
export function masked(text: string): string {
  return text.replaceAll(/\/\/[^"\s]*@/g, '//(secret)@');
}
