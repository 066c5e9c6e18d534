/**
 * The command line as commander sees it, made from the table of options.
 *
 * Flags are read as text here and checked by config/, so that every mistake is told the same
 * way, all together.
 */
import { type Command, Option } from 'commander';
import { nearest } from '../config/nearest.ts';
import { GROUPS, type OptionGroup } from '../config/option-row.ts';
import { flagOf, OPTION_NAMES, optionRow } from '../config/options.ts';

/** Flags as text, by the option's name. */
export type Flags = Readonly<Record<string, string | undefined>>;

/** Adds the options of these groups to a command. */
export function addServerOptions(command: Command, groups: readonly OptionGroup[] = GROUPS): Command {
  for (const group of groups) {
    for (const name of OPTION_NAMES) {
      const row = optionRow(name);
      if (row.group !== group || row.isEnvOnly === true) continue;
      const flags = row.value === undefined ? flagOf(name) : `${flagOf(name)} <${row.value}>`;
      const fallback =
        row.value === undefined || row.default === undefined || row.default === ''
          ? ''
          : ` Default ${row.default}.`;
      const option = new Option(flags, `${row.about}${fallback}`).helpGroup(`${group}:`);
      if (row.isList === true)
        option.argParser((value, previous) =>
          typeof previous === 'string' ? `${previous},${value}` : value,
        );
      command.addOption(option);
    }
  }
  return command;
}

/** What was given, as text. */
export function flagsOf(command: Command): Flags {
  const given = Object.entries(command.opts<Record<string, string | boolean>>());
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}

/** Flags that no option has, and stray words; commander was told to leave them. */
export function strayMistakes(command: Command, commands: readonly string[]): string[] {
  const known = command.options.flatMap((option) => option.long ?? []);
  const mistakes: string[] = [];
  let isAfterFlag = false;
  for (const argument of command.args) {
    const isFlag = argument.startsWith('-');
    const word = argument.split('=', 1)[0] ?? argument;
    if (known.includes(word)) mistakes.push(`${word} takes no value; leave out what follows the =`);
    else if (isFlag) mistakes.push(`${word} is no option of this command${nearest(word, known)}`);
    else if (commands.includes(word)) mistakes.push(`${word} must come first: chat-server ${word} --…`);
    // A word right after an unknown option is taken for its value.
    else if (!isAfterFlag)
      mistakes.push(`${word} is no command, and options begin with --${nearest(word, commands)}`);
    isAfterFlag = isFlag && word === argument;
  }
  return mistakes;
}
