/**
 * The one table of options: from it come flags, environment names, `--help`, the README's
 * table, the checks and the type of the configuration.
 *
 * `dataDir` is `--data-dir` and `CHAT_DATA_DIR`.
 */
import { LIMIT_OPTIONS } from './limit-options.ts';
import type { OptionRow } from './option-row.ts';
import { SERVER_OPTIONS } from './server-options.ts';

export const OPTIONS = { ...SERVER_OPTIONS, ...LIMIT_OPTIONS } as const;

export type OptionName = keyof typeof OPTIONS;

export const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[];

export function optionRow(name: OptionName): OptionRow {
  return OPTIONS[name];
}

export function flagOf(name: string): string {
  return `--${kebab(name)}`;
}

export function envOf(name: string): string {
  return `CHAT_${kebab(name).replaceAll('-', '_').toUpperCase()}`;
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
