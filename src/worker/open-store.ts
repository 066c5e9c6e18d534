/** The store that the configuration names; the other one's libraries are not loaded. */
import type { WorkerConfig } from '../config/config.ts';
import type { Store } from '../chat/store.ts';
import type { Log } from '../ops/log.ts';

/**
 * Rejects with an error that names the reason; `exitCode` 78 or 69 says whose it is.
 * `onPanic`: only another process can write from then on.
 */
export async function openStore(
  config: WorkerConfig,
  log: Log,
  onPanic?: (error: Error) => void,
): Promise<Store> {
  if (config.adapter === 'cluster') {
    const { LmdbStore } = await import('../store/lmdb/lmdb-store.ts');
    return LmdbStore.open(config.dataDir, { onPanic, dataFiles: config.dataFiles });
  }
  const { RedisStore } = await import('../store/redis/redis-store.ts');
  return RedisStore.open({
    url: config.redisUrl,
    prefix: config.redisPrefix,
    waitReplicas: config.redisWaitReplicas,
    log,
  });
}
