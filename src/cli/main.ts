/**
 * `chat-server`: its commands, and what they answer the shell.
 *
 * Exit codes: 0 done, 78 bad configuration, 69 cannot start what it needs, 70 our fault.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { check } from './check.ts';
import { addCompareOptions, compare } from './compare.ts';
import { addServerOptions, type Flags, flagsOf, strayMistakes } from './command-line.ts';
import { explain } from './explain.ts';
import { start } from './start.ts';
import { addTokenOptions, token } from './token.ts';

const COMMANDS = `
Commands:
  start    run the server; what happens when no command is named
  check    say what it would run with, reach the store, end
  token    make a token for trying out (--auth jwt)
  compare  the two adapters, and the set-up of the Socket.IO documentation, in figures
  Each explains itself: chat-server token --help

Examples:
  chat-server --workers 8
      this host alone, data in ./chat-data
  chat-server --adapter redis --redis-url redis://10.0.0.5:6379 --host 0.0.0.0 --auth jwt --jwt-public-key key.pem
      one of any number of hosts
  chat-server check --adapter redis
      whether the store can be reached, and what an acknowledgement would stand for
  chat-server token --jwt-secret "$SECRET" --user ada
      a token for trying out

Every option is also a variable of the environment, --data-dir as CHAT_DATA_DIR; a flag wins.
Times are written 250ms, 10s, 5m, 30d; sizes 4096, 64k, 8m; lists with commas, or the option several times.
Signals: SIGTERM and SIGINT drain (a second one ends at once), SIGHUP replaces the workers one after the other.
Exit codes: 0 done, 78 bad configuration, 69 cannot start what it needs, 70 our fault.`;

/** The entry of bin/chat-server.js. */
export async function main(argv: readonly string[]): Promise<void> {
  // Whoever reads our output may stop (`--help | head`); that is no fault.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  process.exitCode = await run(argv);
}

/** Runs one command; resolves with the exit code when it is over. */
async function run(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('chat-server')
    .version(ownVersion())
    .enablePositionalOptions()
    // So that a bare --help reaches `start`, which has the options.
    .helpOption(false)
    .exitOverride();
  const add = (
    name: string,
    about: string,
    act: (flags: Flags, mistakes: readonly string[]) => Promise<number>,
  ): Command => {
    const command = program.command(name, { isDefault: name === 'start' });
    return command
      .description(about)
      .helpOption('-h, --help', 'Say all this.')
      .allowUnknownOption()
      .allowExcessArguments()
      .action(async () => {
        const names = program.commands.map((each) => each.name());
        exitCode = await act(flagsOf(command), strayMistakes(command, names));
      });
  };
  const starting = add(
    'start',
    'A durable, totally ordered chat server on Socket.IO, for one host or many.',
    start,
  );
  addServerOptions(starting).usage('[options]').addHelpText('after', COMMANDS);
  addServerOptions(add('check', 'Says what it would run with, reaches the store, and ends.', check));
  addCompareOptions(add('compare', 'Measures the adapters on this machine against each other.', compare));
  addTokenOptions(add('token', 'Makes a token for trying out and prints it.', token));
  try {
    await program.parseAsync(argv);
    return exitCode;
  } catch (error) {
    return explain(error);
  }
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
