/**
 * `chat-server check`: what `start` would run with, whether the store answers, and what an
 * acknowledgement would stand for. It makes a new store where there is none, as `start` would.
 */
import { describeConfig, loadConfig } from '../config/config.ts';
import { createLog } from '../ops/log.ts';
import { claimDataDir } from '../worker/data-dir.ts';
import { openStore } from '../worker/open-store.ts';
import type { Flags } from './command-line.ts';

export async function check(flags: Flags, mistakes: readonly string[]): Promise<number> {
  const { config, warnings } = loadConfig(flags, process.env, mistakes);
  for (const [name, value] of describeConfig(config)) say(`${name} ${value}`);
  for (const warning of warnings) say(`warning: ${warning}`);
  const log = createLog({ level: 'warn', format: config.logFormat, name: 'check' });
  const claim = config.adapter === 'cluster' ? await claimDataDir(config.dataDir) : undefined;
  try {
    await using store = await openStore(config, log);
    await store.ping();
    say(`the store answers; an acknowledgement would stand for: ${store.durability}`);
    return 0;
  } finally {
    await claim?.release();
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
