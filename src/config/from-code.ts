/** Options as a program gives them: typed from the same table, checked as flags are. */
import { loadConfig, type Config, type Loaded } from './config.ts';
import { optionRow, OPTION_NAMES, type OptionName } from './options.ts';

type Given<V> = [V] extends [boolean]
  ? boolean
  : [V] extends [number]
    ? number | string
    : [V] extends [string]
      ? V
      : [V] extends [readonly unknown[]]
        ? string | readonly string[]
        : string;

/** As on the command line; numbers of a duration are milliseconds. */
export type CodeOptions = {
  readonly [N in Exclude<OptionName, 'faults'>]?: Given<NonNullable<Config[N]>> | undefined;
};

/** Throws `ConfigError` with everything that is wrong, `others` first. The environment counts for nothing here. */
export function configFromCode(options: CodeOptions, others: readonly string[] = []): Loaded {
  const texts: Partial<Record<string, string>> = {};
  const mistakes = [...others];
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!isOption(name) || optionRow(name).isEnvOnly === true) {
      mistakes.push(`${name} is no option of this server`);
      continue;
    }
    const { unit = '' } = optionRow(name).kind;
    texts[name] = Array.isArray(value)
      ? value.join(',')
      : `${String(value)}${typeof value === 'number' ? unit : ''}`;
  }
  return loadConfig(texts, {}, mistakes);
}

function isOption(name: string): name is OptionName {
  return (OPTION_NAMES as readonly string[]).includes(name);
}
