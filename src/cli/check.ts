/** `chat-server check`: what it would run with, whether the store answers, and what an acknowledgement would stand for. */
import { describeConfig, loadConfig } from '../config/config.ts';
import { createLog } from '../ops/log.ts';
import { claimDataDir } from '../worker/data-dir.ts';
import { openStore } from '../worker/open-store.ts';
import type { Flags } from './command-line.ts';

const EXIT_UNAVAILABLE = 69;

export async function check(flags: Flags, stray: readonly string[]): Promise<number> {
  const { config, warnings } = loadConfig(flags, process.env, stray);
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  for (const [flag, value] of describeConfig(config)) say(`${flag} ${value}`);
  for (const warning of warnings) say(`warning: ${warning}`);
  const log = createLog({ level: 'warn', format: config.logFormat, name: 'check' });
  const claim = config.adapter === 'cluster' ? await claimDataDir(config.dataDir) : undefined;
  try {
    await using store = await openStore(config, log);
    await store.ping();
    say(`store: answers; an acknowledgement stands for "${store.durability}"`);
    return 0;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'StoreUnavailable') throw error;
    say(`store: ${error.message}`);
    return EXIT_UNAVAILABLE;
  } finally {
    await claim?.release();
  }
}
