/**
 * `chat-server`: its commands, and what they answer the shell.
 *
 * Exit codes: 0 done, 78 bad configuration, 69 cannot start what it needs, 70 our fault.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config/config.ts';
import { check } from './check.ts';
import { addServerOptions, type Flags, flagsOf, strayMistakes } from './command-line.ts';
import { start } from './start.ts';
import { token } from './token.ts';

const EXIT_CONFIG = 78;
const EXIT_FAULT = 70;

const EXAMPLES = `
Examples:
  chat-server --workers 8                          all cores of this host, data in ./chat-data
  chat-server --adapter redis --redis-url redis://10.0.0.5:6379
  chat-server --auth jwt --jwt-public-key key.pem --host 0.0.0.0
  chat-server check --adapter redis                what it would run with, and whether the store answers
  chat-server token --jwt-secret S --user ada      a token for trying out

Every --option is also CHAT_OPTION in the environment; a flag wins.`;

/** Runs one command; resolves with the exit code when it is over. */
export async function run(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('chat-server')
    .description('A durable, totally ordered chat server on Socket.IO, for one host or many.')
    .version(ownVersion())
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) })
    .addHelpText('after', EXAMPLES);
  const add = (command: Command, act: (flags: Flags, stray: readonly string[]) => Promise<number>): void => {
    command
      .allowUnknownOption()
      .allowExcessArguments()
      .exitOverride()
      .action(async () => {
        exitCode = await act(flagsOf(command), strayMistakes(command));
      });
  };
  const starting = program
    .command('start', { isDefault: true })
    .description('run the server (the default)')
    .addHelpText('after', EXAMPLES);
  add(addServerOptions(starting), start);
  add(
    addServerOptions(
      program.command('check').description('say what it would run with, reach the store, end'),
    ),
    check,
  );
  const tokens = program
    .command('token')
    .description('make a JWT for trying out, with --jwt-secret')
    .requiredOption('--user <name>', 'whose token it is')
    .option('--name <text>', 'the name to show')
    .option('--for-namespaces <list>', 'where it may connect, comma separated')
    .option('--expires <duration>', 'how long it is good for', '1h');
  add(addServerOptions(tokens), token);
  try {
    await program.parseAsync(argv);
    return exitCode;
  } catch (error) {
    return explain(error);
  }
}

/** The entry of bin/chat-server.js. */
export async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = await run(argv);
}

function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CONFIG;
  if (error instanceof ConfigError) {
    const many = error.mistakes.length > 1 ? `${error.mistakes.length} mistakes` : 'a mistake';
    process.stderr.write(
      `chat-server: ${many} in the configuration:\n${error.mistakes.map((mistake) => `  ${mistake}\n`).join('')}See chat-server --help.\n`,
    );
    return error.exitCode;
  }
  const known = error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number';
  process.stderr.write(
    `chat-server: ${error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error)}\n`,
  );
  return known ? Number(error.exitCode) : EXIT_FAULT;
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
