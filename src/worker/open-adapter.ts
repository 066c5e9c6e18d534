/** The adapter that the configuration names. */
import { openClusterAdapter } from '../adapter/cluster-adapter.ts';
import { openRedisAdapter } from '../adapter/redis-adapter.ts';
import type { Adapter, AdapterEvents } from '../chat/adapter.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../ops/log.ts';

export function openAdapter(config: Config, events: AdapterEvents, log: Log): Adapter {
  const onFault = (error: unknown): void => log.error({ error }, 'the adapter failed');
  const { faults } = config;
  if (config.adapter === 'cluster') return openClusterAdapter(events, { faults, onFault });
  return openRedisAdapter(events, { url: config.redisUrl, prefix: config.redisPrefix, faults, log, onFault });
}
