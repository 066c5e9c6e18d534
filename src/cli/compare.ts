/** `chat-server compare`: flags to a comparison, progress while it runs, the table at the end. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import {
  CompareOptionError,
  FSYNCS,
  MODES,
  SCENARIOS,
  type CompareOptions,
} from '../bench/compare-options.ts';
import { ConfigError, masked } from '../config/config.ts';
import type { Flags } from './command-line.ts';

const NUMBERS = [
  ['workers', 'Worker processes of each server. Default 2.'],
  ['clients', 'Clients of the load. Default 400.'],
  ['rooms', 'Rooms they are spread over. Default 10.'],
  ['runs', 'How often everything is done, modes taking turns. Default 3; with --quick 1.'],
  ['seconds', 'Seconds measured in each scenario. Default 10; with --quick 3.'],
  ['small-room-clients', 'Clients of the scenario small-rooms, ten in a room. Default 5000.'],
  ['huge-room-clients', 'Clients of the scenario huge-room. Default 2000.'],
  ['idle-clients', 'Connections of the scenario idle. Default 2000; with --quick 500.'],
  ['burst-clients', 'Clients of the scenario burst. Default 1000.'],
  ['storm-clients', 'Clients of the scenario storm. Default 5000.'],
  ['backlog-devices', 'Devices of the scenario backlog. Default 500.'],
  ['backlog-posts', 'Messages that wait for each of them. Default 10000.'],
  ['load-processes', 'Processes that make the load. Default one for each two cores.'],
] as const;

/** Of --against: a figure is worse, and it is not the noise. */
const EXIT_WORSE = 1;

export function addCompareOptions(command: Command): Command {
  command
    .option('--quick', 'A first impression in a few minutes: one short run.')
    .option('--modes <LIST>', `What is compared: ${MODES.join(', ')}. Default all.`)
    .option(
      '--scenarios <LIST>',
      `What is measured: ${SCENARIOS.join(', ')}. Default all; with --quick steady, busy, flood.`,
    );
  for (const [name, about] of NUMBERS) command.option(`--${name} <N>`, about);
  return command
    .option('--redis-url <URL>', 'A Redis to use. Default: a redis-server of its own, ended afterwards.')
    .option(
      '--redis-fsync <WHEN>',
      `What that one does to keep its data: ${FSYNCS.join(', ')}. Default always.`,
    )
    .option(
      '--against <DIR>',
      'A checkout of another commit, measured in turn with this one; built where it must be.',
    )
    .option(
      '--tolerance <PERCENT>',
      'With --against: exit code 1 where a figure is surely worse by more. Default 5.',
    )
    .option(
      '--json <FILE>',
      'Where all results go as JSON. A comparison that was interrupted goes on with what is there.',
    )
    .option('--html <FILE>', 'The same as a page with charts, for a browser.')
    .option('--cpu-prof <DIR>', 'CPU profiles of every process of the servers go there.')
    .addHelpText(
      'after',
      `
plain-cluster and plain-redis are the set-up that the Socket.IO documentation shows: sticky sessions and
the adapter, nothing stored. Order, holes, repeats and losses are counted; a run of ours with any is void.
What plain loses when connections end (storm, backlog, killed) is a figure of its own.`,
    );
}

export async function compare(flags: Flags, mistakes: readonly string[]): Promise<number> {
  const options = optionsOf(flags, mistakes);
  const { runCompare } = await import('../bench/compare.ts');
  const { reportText } = await import('../bench/report.ts');
  const { reportPage } = await import('../bench/page.ts');
  const { againstRows, againstText } = await import('../bench/against.ts');
  const abort = new AbortController();
  const stop = (): void => abort.abort(new Error('stopped'));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const report = await runCompare({ ...options, onProgress: progress(), signal: abort.signal });
    process.stderr.write('\n');
    process.stdout.write(`${reportText(report)}\n`);
    const { html } = flags;
    if (html !== undefined) await writeFile(html, reportPage(report, commandOf(flags)));
    if (options.against === undefined) return 0;
    process.stdout.write(`${againstText(report)}\n`);
    return againstRows(report).some(({ verdict }) => verdict === 'worse') ? EXIT_WORSE : 0;
  } catch (error) {
    if (error instanceof CompareOptionError) throw new ConfigError([error.message]);
    if (abort.signal.aborted) return 130;
    throw error;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

function optionsOf(flags: Flags, stray: readonly string[]): CompareOptions {
  const mistakes = [...stray];
  const number = (name: string): number | undefined => {
    const text = flags[name];
    if (text === undefined) return undefined;
    if (!/^[1-9]\d{0,8}$/.test(text))
      mistakes.push(`--${flagOf(name)} must be a whole number from 1 up; got ${JSON.stringify(text)}`);
    return Number(text);
  };
  const percent = (name: string): number | undefined => {
    const text = flags[name];
    if (text === undefined) return undefined;
    if (!/^\d{1,2}(\.\d+)?$/.test(text))
      mistakes.push(`--${flagOf(name)} must be a percentage from 0 to 99; got ${JSON.stringify(text)}`);
    return Number(text) / 100;
  };
  const some = <const T extends string>(name: string, known: readonly T[]): readonly T[] | undefined => {
    const names = flags[name]?.split(',').filter((part) => part !== '');
    const unknown = names?.filter((part) => !known.some((one) => one === part)) ?? [];
    for (const part of unknown)
      mistakes.push(`--${flagOf(name)} must be a list of ${known.join(', ')}; got ${JSON.stringify(part)}`);
    return names === undefined ? undefined : known.filter((one) => names.includes(one));
  };
  // Told before the measurement, not after it.
  for (const name of ['json', 'html'] as const) {
    const file = flags[name];
    if (file !== undefined && !existsSync(dirname(resolve(file))))
      mistakes.push(`--${flagOf(name)} must be in a directory that exists; got ${JSON.stringify(file)}`);
  }
  const options: CompareOptions = {
    quick: flags['quick'] === 'true',
    modes: some('modes', MODES),
    scenarios: some('scenarios', SCENARIOS),
    workers: number('workers'),
    clients: number('clients'),
    rooms: number('rooms'),
    runs: number('runs'),
    seconds: number('seconds'),
    smallRoomClients: number('smallRoomClients'),
    hugeRoomClients: number('hugeRoomClients'),
    idleClients: number('idleClients'),
    burstClients: number('burstClients'),
    stormClients: number('stormClients'),
    backlogDevices: number('backlogDevices'),
    backlogPosts: number('backlogPosts'),
    loadProcesses: number('loadProcesses'),
    redisUrl: flags['redisUrl'],
    redisFsync: some('redisFsync', FSYNCS)?.[0],
    against: flags['against'],
    tolerance: percent('tolerance'),
    jsonFile: flags['json'],
    cpuProfDir: flags['cpuProf'],
  };
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return options;
}

function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (sign) => `-${sign.toLowerCase()}`);
}

/** What was typed, as somebody else would. */
function commandOf(flags: Flags): string {
  const parts = Object.entries(flags).map(([name, value]) => {
    const flag = `--${flagOf(name)}`;
    return value === 'true' ? flag : `${flag} ${masked(String(value))}`;
  });
  return ['npm exec chat-server --', 'compare', ...parts].join(' ');
}

/** On a terminal one line that changes, elsewhere a line for each step. */
function progress(): (line: string) => void {
  const isTerminal = process.stderr.isTTY;
  return (line) => process.stderr.write(isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
}
