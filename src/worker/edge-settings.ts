/** The part of the configuration that the edge needs, in the edge's words. */
import { readFileSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import type { EdgeSettings } from '../edge/chat-context.ts';
import { DEFAULT_LIMITS, type Limits } from '../protocol/limits.ts';

export function edgeSettings(config: Config, node: string): EdgeSettings {
  return {
    limits: limitsOf(config),
    namespaces: config.namespaces,
    rooms: config.rooms,
    origins: config.origins,
    maxSanctionsPerRoom: config.maxSanctionsPerRoom,
    maxBlocksPerUser: config.maxBlocksPerUser,
    rates: {
      posts: config.ratePosts,
      roomPosts: config.rateRoomPosts,
      joins: config.rateJoins,
      connects: config.rateConnects,
      addressConnects: config.rateAddressConnects,
      requests: config.rateRequests,
      bytes: config.rateBytes,
    },
    presenceGraceMs: config.presenceGrace,
    api: { keys: config.apiKey, origins: config.apiOrigins },
    trustProxy: config.trustProxy,
    maxBufferedBytes: config.maxBufferedBytes,
    maxSocketBytes: config.maxSocketBytes,
    maxConnections: config.maxConnections,
    pingIntervalMs: config.pingInterval,
    pingTimeoutMs: config.pingTimeout,
    connectTimeoutMs: config.connectTimeout,
    server: { version: ownVersion(), adapter: config.adapter, node },
  };
}

function limitsOf(config: Config): Limits {
  const names = Object.keys(DEFAULT_LIMITS) as (keyof Limits)[];
  return Object.fromEntries(names.map((name) => [name, config[name]])) as unknown as Limits;
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
