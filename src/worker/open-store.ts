/** The store that the configuration names. */
import type { Config } from '../config/config.ts';
import type { Store } from '../chat/store.ts';
import type { Log } from '../ops/log.ts';
import { LmdbStore } from '../store/lmdb/lmdb-store.ts';
import { RedisStore } from '../store/redis/redis-store.ts';

export { claimDataDir } from '../store/lmdb/data-dir.ts';

/** Rejects with an error that names the reason; `exitCode` 78 or 69 says whose it is. */
export async function openStore(config: Config, log: Log): Promise<Store> {
  if (config.adapter === 'cluster') return LmdbStore.open(config.dataDir, { log });
  return RedisStore.open({
    url: config.redisUrl,
    prefix: config.redisPrefix,
    waitReplicas: config.redisWaitReplicas,
    log,
  });
}
