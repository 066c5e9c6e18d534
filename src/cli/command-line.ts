/**
 * The command line as commander sees it, made from the table of options.
 *
 * Flags are read as text here and checked by config/, so that every mistake is told the same
 * way, all together.
 */
import { Command, Option } from 'commander';
import { nearest } from '../config/nearest.ts';
import { envOf, flagOf, OPTIONS, type OptionName, type OptionRow } from '../config/options.ts';

/** Flags as text, by the option's name. */
export type Flags = Readonly<Record<string, string | undefined>>;

const NAMES = Object.keys(OPTIONS) as OptionName[];

/** Adds every option of the server to a command. */
export function addServerOptions(command: Command): Command {
  for (const name of NAMES) {
    if (name === 'faults') continue;
    const row: OptionRow = OPTIONS[name];
    const flags = row.value === undefined ? flagOf(name) : `${flagOf(name)} <${row.value}>`;
    const shown = row.default === undefined || row.default === '' ? '' : ` (default ${row.default})`;
    const option = new Option(flags, `${row.about}${shown} [${envOf(name)}]`).helpGroup(`${row.group}:`);
    if (row.value !== undefined)
      option.argParser((value: string, previous: unknown) =>
        typeof previous === 'string' && isList(name) ? `${previous},${value}` : value,
      );
    command.addOption(option);
  }
  return command;
}

function isList(name: OptionName): boolean {
  return name === 'namespaces' || name === 'origins';
}

/** What was given, as text. */
export function flagsOf(command: Command): Flags {
  const flags: Record<string, string> = {};
  for (const [name, value] of Object.entries(command.opts()))
    flags[name] = value === true ? 'true' : String(value);
  return flags;
}

/** Flags that no option has, and stray words; commander was told to leave them. */
export function strayMistakes(command: Command): string[] {
  const known = command.options.map((option) => option.long ?? '');
  const mistakes: string[] = [];
  let isAfterFlag = false;
  for (const argument of command.args) {
    const isFlag = argument.startsWith('-');
    if (isFlag) mistakes.push(`${argument}: no such option${nearest(argument.split('=')[0] ?? '', known)}`);
    // A word right after an unknown option is taken for its value.
    else if (!isAfterFlag) mistakes.push(`${argument}: unexpected; options begin with --`);
    isAfterFlag = isFlag && !argument.includes('=');
  }
  return mistakes;
}
