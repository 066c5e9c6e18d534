/** `chat-server [start]`: the primary, from the configuration to the exit code. */
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../config/config.ts';
import { createLog } from '../ops/log.ts';
import { startPrimary } from '../primary/main.ts';
import { claimDataDir } from '../worker/data-dir.ts';
import type { Flags } from './command-line.ts';

const WORKER = fileURLToPath(new URL('../worker/main.js', import.meta.url));

/** Resolves with the exit code when the server has ended. */
export async function start(flags: Flags, stray: readonly string[]): Promise<number> {
  const { config, warnings } = loadConfig(flags, process.env, stray);
  const node = hostname();
  const log = createLog({ level: config.logLevel, format: config.logFormat, name: node });
  for (const warning of warnings) log.warn({}, warning);
  const claim = config.adapter === 'cluster' ? await claimDataDir(config.dataDir) : undefined;
  try {
    const primary = await startPrimary({
      host: config.host,
      port: config.port,
      workers: config.workers,
      adapter: config.adapter,
      workerEntry: WORKER,
      config,
      node,
      log,
      supervision: {
        drainDeadlineMs: config.drainTimeout,
        reloadOverMs: config.drainSpread,
        shutdownOverMs: config.drainSpread,
      },
      onReady: (url) => process.stdout.write(`chat-server ready ${url}\n`),
    });
    return await primary.closed;
  } finally {
    await claim?.release();
  }
}
