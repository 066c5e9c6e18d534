/** The contract, on a single Redis that flushes every write. */
import { RedisStore } from '../../src/store/redis/redis-store.ts';
import { storeContract } from '../contract/store-contract.ts';
import { startRedis } from '../support/redis.ts';
import { openOnRedis } from './redis-opened.ts';

storeContract('RedisStore', async () => {
  const redis = await startRedis();
  return openOnRedis(() => RedisStore.open({ url: redis.url }), {
    restart: () => redis.restart(),
    end: () => redis[Symbol.asyncDispose](),
  });
});
