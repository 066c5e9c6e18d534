/** Several real Redis servers together: a master watched by Sentinels, and a Cluster. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, type RedisOptions, type RedisServer, startRedis, startServer, until } from './redis.ts';

export interface SentinelSet {
  /** `redis+sentinel://…/mymaster` */
  readonly url: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly RedisServer[];
  [Symbol.asyncDispose](): Promise<void>;
}

export interface RedisCluster {
  /** `redis+cluster://…` */
  readonly url: string;
  readonly nodes: readonly RedisServer[];
  /** Which node serves the key's slot, by CLUSTER KEYSLOT and the slots as they were dealt. */
  nodeOf(key: string): Promise<RedisServer>;
  [Symbol.asyncDispose](): Promise<void>;
}

async function disposeAll(servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
}

/** A master with one replica, and three Sentinels that agree within about two seconds. */
export async function startSentinelSet(options: RedisOptions = {}): Promise<SentinelSet> {
  const servers: RedisServer[] = [];
  try {
    const master = await startRedis(options);
    servers.push(master);
    const replica = await startRedis({ ...options, replicaOf: master.port });
    servers.push(replica);
    await until(
      () => replica.ask('INFO', 'replication'),
      (info) => String(info).includes('link_status:up'),
    );
    const sentinels: RedisServer[] = [];
    for (let i = 0; i < 3; i += 1) {
      const port = await freePort();
      const sentinel = await startServer(port, async (dir) => {
        const file = join(dir, 'sentinel.conf');
        const lines = [
          `port ${port}`,
          'bind 127.0.0.1',
          `sentinel monitor mymaster 127.0.0.1 ${master.port} 2`,
          'sentinel down-after-milliseconds mymaster 1000',
          'sentinel failover-timeout mymaster 3000',
        ];
        await writeFile(file, `${lines.join('\n')}\n`);
        return [file, '--sentinel'];
      });
      servers.push(sentinel);
      sentinels.push(sentinel);
    }
    for (const sentinel of sentinels)
      await until(
        () => sentinel.ask('SENTINEL', 'master', 'mymaster'),
        (reply) => {
          const fields = (reply as unknown[]).map(String);
          const of = (name: string): string | undefined => fields[fields.indexOf(name) + 1];
          return of('num-slaves') === '1' && of('num-other-sentinels') === '2';
        },
      );
    const hosts = sentinels.map((sentinel) => `127.0.0.1:${sentinel.port}`).join(',');
    const url = `redis+sentinel://${hosts}/mymaster`;
    return { url, master, replica, sentinels, [Symbol.asyncDispose]: () => disposeAll(servers) };
  } catch (error) {
    await disposeAll(servers);
    throw error;
  }
}

const SLOTS = 16_384;

/** Masters that share the slots evenly; each goes on serving its own when another is gone. */
export async function startRedisCluster(masters = 3, options: RedisOptions = {}): Promise<RedisCluster> {
  const nodes: RedisServer[] = [];
  const share = Math.ceil(SLOTS / masters);
  try {
    for (let i = 0; i < masters; i += 1) {
      const config = {
        'cluster-enabled': 'yes',
        'cluster-port': await freePort(),
        'cluster-node-timeout': 2000,
        'cluster-require-full-coverage': 'no',
        ...options.config,
      };
      const node = await startRedis({ ...options, config });
      nodes.push(node);
      await node.ask('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1));
      const last = Math.min(SLOTS, (i + 1) * share) - 1;
      await node.ask('CLUSTER', 'ADDSLOTSRANGE', String(i * share), String(last));
      const [first] = nodes;
      if (first !== undefined && first !== node) {
        const bus = String(config['cluster-port']);
        await first.ask('CLUSTER', 'MEET', '127.0.0.1', String(node.port), bus);
      }
    }
    for (const node of nodes)
      await until(
        () => node.ask('CLUSTER', 'INFO'),
        (info) =>
          String(info).includes('cluster_state:ok') &&
          String(info).includes(`cluster_slots_ok:${SLOTS}`) &&
          String(info).includes(`cluster_known_nodes:${masters}`),
      );
  } catch (error) {
    await disposeAll(nodes);
    throw error;
  }
  const nodeOf = async (key: string): Promise<RedisServer> => {
    const slot = Number(await nodes[0]?.ask('CLUSTER', 'KEYSLOT', key));
    const node = nodes[Math.floor(slot / share)];
    if (node === undefined) throw new Error(`no node for slot ${slot}`);
    return node;
  };
  const url = `redis+cluster://${nodes.map((node) => `127.0.0.1:${node.port}`).join(',')}`;
  return { url, nodes, nodeOf, [Symbol.asyncDispose]: () => disposeAll(nodes) };
}
