/** A Redis store as the contract suite wants it: a new life is a restart of its servers. */
import type { RedisStore } from '../../src/store/redis/redis-store.ts';
import type { OpenedStore } from '../contract/store-scene.ts';
import { until } from '../support/redis.ts';

export interface Servers {
  restart(): Promise<void>;
  end(): Promise<void>;
}

export async function openOnRedis(open: () => Promise<RedisStore>, servers: Servers): Promise<OpenedStore> {
  const store = await open();
  const others: RedisStore[] = [];
  return {
    store,
    async second() {
      const other = await open();
      others.push(other);
      return other;
    },
    async newLife() {
      await servers.restart();
      // The handle is the same one: it comes back by itself.
      await until(
        () => store.ping().then(() => true),
        (isUp) => isUp,
      );
    },
    async close() {
      for (const handle of [store, ...others]) await handle.close();
      await servers.end();
    },
  };
}
