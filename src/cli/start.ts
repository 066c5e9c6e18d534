/**
 * `chat-server [start]`: the primary, from the configuration to the exit code.
 *
 * What cannot work is found here, before any worker is forked: mistakes, a data directory
 * that is somebody else's, a Redis that is not there. Signals are the primary's.
 */
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { loadConfig, type Config, type WorkerConfig } from '../config/config.ts';
import { createLog, type Log } from '../ops/log.ts';
import { startPrimary } from '../primary/main.ts';
import { keepYoungHeapSmall } from '../primary/v8-settings.ts';
import { claimDataDir } from '../worker/data-dir.ts';
import type { Flags } from './command-line.ts';

const WORKER = fileURLToPath(new URL('../worker/main.js', import.meta.url));
/** A POST may carry one packet of the greatest size; small ones share a body. */
const MIN_BODY_BYTES = 1_048_576;

const RECOVERED =
  'the data was put back to what was flushed: everything acknowledged is there, rooms begin new epochs';

/** Resolves with the exit code when the server has ended. */
export async function start(flags: Flags, mistakes: readonly string[]): Promise<number> {
  keepYoungHeapSmall();
  const { config, warnings } = loadConfig(flags, process.env, mistakes);
  const node = hostname();
  const log = createLog({ level: config.logLevel, format: config.logFormat, name: node });
  for (const warning of warnings) log.warn({}, warning);
  // Held until the last worker is gone: nobody else may write there meanwhile.
  const claim = config.adapter === 'cluster' ? await claimDataDir(config.dataDir) : undefined;
  if (claim?.recovered === 'boot') log.info({ after: 'another boot of the machine' }, RECOVERED);
  if (claim?.recovered === 'failure') log.warn({ after: 'a flush that failed' }, RECOVERED);
  try {
    if (config.adapter === 'redis') await reachStore(config, log);
    const primary = await startPrimary({
      host: config.host,
      port: config.port,
      workers: config.workers,
      adapter: config.adapter,
      workerEntry: WORKER,
      config: { ...config, dataFiles: claim?.dataFiles } satisfies WorkerConfig,
      node,
      log,
      limits: { maxBodyBytes: Math.max(MIN_BODY_BYTES, config.maxPacketBytes) },
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

/** Workers would find it out too, each of them and several times. */
async function reachStore(config: Config, log: Log): Promise<void> {
  const { openStore } = await import('../worker/open-store.ts');
  await using store = await openStore(config, log);
  await store.ping();
}
