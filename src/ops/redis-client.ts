/**
 * A connection to Redis, however it is set up: single, Sentinel or Cluster.
 *
 * Owns the client's options (TRAPS 12–14): no library timeout per command, no bounded queue,
 * nothing queued while offline, a dead link noticed by ping and socket timeout, and reconnecting
 * for ever. It does not bound commands in time or number: who uses it does.
 */
import { createClient, createCluster, createSentinel } from 'redis';
import type { Log } from './log.ts';
import { describeTarget, parseRedisUrl, type RedisTarget } from './redis-url.ts';

/** No Redis there, or it does not let us in. */
export class RedisConnectError extends Error {
  readonly exitCode = 69;

  constructor(message: string, { cause }: { readonly cause?: unknown } = {}) {
    super(message, { cause });
    this.name = 'RedisConnectError';
  }
}

export interface RedisOptions {
  readonly log?: Log | undefined;
  /** Said in CLIENT LIST. */
  readonly name?: string | undefined;
  /** How long the first connection may take. Default 5 000. */
  readonly connectMs?: number | undefined;
  /** Commands sent while offline wait for the connection (subscribers). Default false. */
  readonly queuesOffline?: boolean | undefined;
  /** A node is connected, again or for the first time. */
  readonly onReady?: (() => void) | undefined;
}

/** One server that takes writes. */
export interface RedisNode {
  readonly name: string;
  send(command: readonly string[]): Promise<unknown>;
}

type MessageHandler = (message: Buffer, channel: Buffer) => void;

export interface RedisConnection {
  readonly kind: RedisTarget['kind'];
  /** `host:port` of what was connected to, for messages. */
  readonly description: string;
  readonly isReady: boolean;
  /** One command to the server of the key (the routing key of a Cluster). */
  send(key: string, command: readonly string[]): Promise<unknown>;
  /** Which server has this slot, as far as is known; one name for all outside a Cluster. */
  nodeNameOf(slot: number): string;
  /** Every server that takes writes, as far as is known. */
  nodes(): readonly RedisNode[];
  sPublish(channel: string, message: string): Promise<unknown>;
  sSubscribe(channel: string, handler: MessageHandler, bufferMode: true): Promise<unknown>;
  sUnsubscribe(channel: string, handler: MessageHandler, bufferMode: true): Promise<unknown>;
  /** Waits for nothing: what is unanswered is rejected. Twice is the same as once. */
  close(): Promise<void>;
}

const PING_MS = 1_000;
const SOCKET_TIMEOUT_MS = 4_000;
const CONNECT_TIMEOUT_MS = 3_000;
const MAX_RECONNECT_MS = 1_000;

/** Longer each time, for ever, with a jitter so that workers do not come back in step. */
export function reconnectDelayMs(retries: number): number {
  return Math.min(25 * 2 ** Math.min(retries, 10), MAX_RECONNECT_MS) * (0.5 + Math.random() / 2);
}

/** Rejects with `RedisUrlError` or `RedisConnectError`. */
export async function connectRedis(url: string, options: RedisOptions = {}): Promise<RedisConnection> {
  const target = parseRedisUrl(url);
  const { connectMs = 5_000, log } = options;
  let lastError: unknown;
  let isSaid = false;
  const onError = (error: unknown): void => {
    lastError = error;
    // Once per outage: the client tries again several times a second.
    if (!isSaid) log?.warn({ error, redis: describeTarget(target) }, 'the connection to Redis failed');
    isSaid = true;
  };
  const onReady = (): void => {
    if (isSaid) log?.info({ redis: describeTarget(target) }, 'the connection to Redis is back');
    isSaid = false;
    options.onReady?.();
  };
  const { connection, connect } = CREATORS[target.kind](target, options, onError, onReady);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(lastError ?? new Error(`no answer for ${connectMs} ms`)), connectMs);
  });
  try {
    await Promise.race([connect(), late]);
    return connection;
  } catch (error) {
    await connection.close();
    const reason = error instanceof Error ? error.message || error.name : String(error);
    throw new RedisConnectError(`cannot connect to Redis (${describeTarget(target)}): ${reason}`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

type Creator = (
  target: RedisTarget,
  options: RedisOptions,
  onError: (error: unknown) => void,
  onReady: () => void,
) => { connection: RedisConnection; connect: () => Promise<unknown> };

function clientOptions({ username, password, isTls }: RedisTarget, options: RedisOptions) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    name: options.name ?? 'chat-server',
    disableOfflineQueue: options.queuesOffline !== true,
    pingInterval: PING_MS,
    maintNotifications: 'disabled',
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SOCKET_TIMEOUT_MS,
      reconnectStrategy: reconnectDelayMs,
      ...(isTls ? { tls: true as const } : {}),
    },
  } as const;
}

const COMMAND_OPTIONS = { timeout: 0 } as const;

/** Ends a client now; one that is gone already says so by throwing. */
async function end(destroy: () => unknown): Promise<void> {
  try {
    await destroy();
  } catch {
    // It was closed already, or never opened.
  }
}

const createSingle: Creator = (target, options, onError, onReady) => {
  const [{ host, port } = { host: '127.0.0.1', port: 6_379 }] = target.hosts;
  const base = clientOptions(target, options);
  const client = createClient({
    ...base,
    database: target.database,
    socket: { ...base.socket, host, port },
    commandOptions: COMMAND_OPTIONS,
  });
  client.on('error', onError).on('ready', onReady).on('terminated', onError);
  const name = `${host}:${port}`;
  const send = (command: readonly string[]): Promise<unknown> => client.sendCommand(command);
  const connection: RedisConnection = {
    kind: 'single',
    description: describeTarget(target),
    get isReady() {
      return client.isReady;
    },
    send: (_, command) => send(command),
    nodeNameOf: () => name,
    nodes: () => [{ name, send }],
    sPublish: (channel, message) => client.sPublish(channel, message),
    sSubscribe: (channel, handler, mode) => client.sSubscribe(channel, handler, mode),
    sUnsubscribe: (channel, handler, mode) => client.sUnsubscribe(channel, handler, mode),
    close: () => end(() => client.destroy()),
  };
  return { connection, connect: () => client.connect() };
};

const createSentinelled: Creator = (target, options, onError, onReady) => {
  const base = clientOptions(target, options);
  const client = createSentinel({
    name: target.masterName,
    sentinelRootNodes: target.hosts.map(({ host, port }) => ({ host, port })),
    nodeClientOptions: base,
    sentinelClientOptions: { socket: base.socket, pingInterval: PING_MS, maintNotifications: 'disabled' },
    masterPoolSize: 1,
    replicaPoolSize: 0,
    scanInterval: 2_000,
    passthroughClientErrorEvents: true,
    commandOptions: COMMAND_OPTIONS,
  });
  client.on('error', onError).on('ready', onReady);
  const name = `master ${target.masterName}`;
  const send = (command: readonly string[]): Promise<unknown> => client.sendCommand(false, [...command]);
  const connection: RedisConnection = {
    kind: 'sentinel',
    description: describeTarget(target),
    get isReady() {
      return client.isReady;
    },
    send: (_, command) => send(command),
    nodeNameOf: () => name,
    nodes: () => [{ name, send }],
    sPublish: (channel, message) => client.sPublish(channel, message),
    sSubscribe: (channel, handler, mode) => client.sSubscribe(channel, handler, mode),
    sUnsubscribe: (channel, handler, mode) => client.sUnsubscribe(channel, handler, mode),
    close: () => end(() => client.destroy()),
  };
  return { connection, connect: () => client.connect() };
};

const createClustered: Creator = (target, options, onError, onReady) => {
  const defaults = clientOptions(target, options);
  const cluster = createCluster({
    rootNodes: target.hosts.map(({ host, port }) => ({ socket: { host, port } })),
    defaults,
    commandOptions: COMMAND_OPTIONS,
    // Otherwise learning the topology waits for ever for a node that is down.
    minimizeConnections: true,
    topologyRefreshOnReconnectionAttemptStrategy: 500,
  });
  cluster.on('error', onError).on('node-error', onError).on('node-ready', onReady);
  const connection: RedisConnection = {
    kind: 'cluster',
    description: describeTarget(target),
    get isReady() {
      return cluster.isReady;
    },
    send: (key, command) => cluster.sendCommand(key, false, [...command]),
    nodeNameOf: (slot) => cluster.slots[slot]?.master.address ?? 'no server',
    nodes: () =>
      cluster.masters.map((master) => ({
        name: master.address,
        send: async (command) => (await cluster.nodeClient(master)).sendCommand(command),
      })),
    sPublish: (channel, message) => cluster.sPublish(channel, message),
    sSubscribe: (channel, handler, mode) => cluster.sSubscribe(channel, handler, mode),
    sUnsubscribe: (channel, handler, mode) => cluster.sUnsubscribe(channel, handler, mode),
    close: () => end(() => cluster.destroy()),
  };
  return { connection, connect: () => cluster.connect() };
};

const CREATORS: Record<RedisTarget['kind'], Creator> = {
  single: createSingle,
  sentinel: createSentinelled,
  cluster: createClustered,
};
