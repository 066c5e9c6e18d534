/** The adapter that the configuration names; the other one's libraries are not loaded. */
import type { Adapter, AdapterEvents } from '../chat/adapter.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../ops/log.ts';

/** `isAlone`: there are no other workers on this host. */
export async function openAdapter(
  config: Config,
  events: AdapterEvents,
  log: Log,
  isAlone = false,
): Promise<Adapter> {
  const onFault = (error: unknown): void => log.error({ error }, 'the adapter failed');
  const { faults } = config;
  if (config.adapter === 'cluster' && isAlone) {
    const { LoneAdapter } = await import('../adapter/lone-adapter.ts');
    return new LoneAdapter();
  }
  if (config.adapter === 'cluster') {
    const { openClusterAdapter } = await import('../adapter/cluster-adapter.ts');
    return openClusterAdapter(events, { faults, onFault });
  }
  const { openRedisAdapter } = await import('../adapter/redis-adapter.ts');
  return openRedisAdapter(events, { url: config.redisUrl, prefix: config.redisPrefix, faults, log, onFault });
}
