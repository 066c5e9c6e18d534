/**
 * A whole server in this process and the workers that it forks: from the configuration to the end.
 *
 * What cannot work is found here, before any worker is forked: a data directory that is somebody
 * else's, a Redis that is not there. One for each process: `cluster` is global.
 */
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Config, Loaded, WorkerConfig } from '../config/config.ts';
import { createLog, type Log } from '../ops/log.ts';
import type { PrimaryError } from '../primary/errors.ts';
import { startPrimary, type RunningPrimary } from '../primary/main.ts';
import { claimDataDir } from '../worker/data-dir.ts';

const WORKER = fileURLToPath(new URL('../worker/main.js', import.meta.url));
/** A POST may carry one packet of the greatest size; small ones share a body. */
const MIN_BODY_BYTES = 1_048_576;

const RECOVERED =
  'the data was put back to what was flushed: everything acknowledged is there, rooms begin new epochs';

export interface RunOptions {
  /** All workers are ready. */
  readonly onReady: (url: string) => void;
  /** It gives up; `closed` resolves afterwards. */
  readonly onFatal?: ((error: PrimaryError) => void) | undefined;
  readonly handlesSignals: boolean;
  /** The URL of a module with hooks, for the workers. */
  readonly hooksModule?: string | undefined;
}

/** Rejects when it cannot start; `closed` of what it gives resolves with the exit code. */
export async function runServer({ config, warnings }: Loaded, options: RunOptions): Promise<RunningPrimary> {
  const node = hostname();
  const log = createLog({ level: config.logLevel, format: config.logFormat, name: node });
  for (const warning of warnings) log.warn({}, warning);
  // Held until the last worker is gone: nobody else may write there meanwhile.
  const claim = config.adapter === 'cluster' ? await claimDataDir(config.dataDir) : undefined;
  if (claim?.recovered === 'boot') log.info({ after: 'another boot of the machine' }, RECOVERED);
  if (claim?.recovered === 'failure') log.warn({ after: 'a flush that failed' }, RECOVERED);
  try {
    if (config.adapter === 'redis') await reachStore(config, log);
    const { hooksModule, handlesSignals, onReady, onFatal } = options;
    const primary = await startPrimary({
      host: config.host,
      port: config.port,
      workers: config.workers,
      adapter: config.adapter,
      workerEntry: WORKER,
      config: { ...config, dataFiles: claim?.dataFiles, hooksModule } satisfies WorkerConfig,
      node,
      log,
      limits: { maxBodyBytes: Math.max(MIN_BODY_BYTES, config.maxPacketBytes) },
      supervision: {
        drainDeadlineMs: config.drainTimeout,
        reloadOverMs: config.drainSpread,
        shutdownOverMs: config.drainSpread,
      },
      handlesSignals,
      onReady,
      onFatal,
    });
    const release = async (code: number): Promise<number> => {
      await claim?.release();
      return code;
    };
    return { ...primary, closed: primary.closed.then(release) };
  } catch (error) {
    await claim?.release();
    throw error;
  }
}

/** Workers would find it out too, each of them and several times. */
async function reachStore(config: Config, log: Log): Promise<void> {
  const { openStore } = await import('../worker/open-store.ts');
  await using store = await openStore(config, log);
  await store.ping();
}
