import { fresh } from '../support/client.ts';
import { startRedis } from '../support/redis.ts';
import { startServer, type ServerOptions } from '../support/server.ts';
import { killWorkerOf } from '../support/kill-worker.ts';
import { API_ARGS } from './api.ts';
import { conformance } from './conformance.ts';

conformance('adapter redis', async () => open(1));
conformance('two hosts on one redis', async () => open(2), '/acme');

async function open(hosts: number) {
  const redis = await startRedis({ appendfsync: 'always' });
  const options: ServerOptions = {
    adapter: 'redis',
    workers: 2,
    redisUrl: redis.url,
    redisPrefix: fresh('c'),
    args: ['--namespaces', '/acme', ...API_ARGS],
  };
  const servers = await Promise.all(Array.from({ length: hosts }, () => startServer(options)));
  return {
    urls: servers.map(({ url }) => url),
    async killWorker() {
      const server = servers[Math.floor(Math.random() * servers.length)];
      if (server !== undefined) await killWorkerOf(server);
    },
    breakStore() {
      redis.freeze();
      return () => redis.thaw();
    },
    async close() {
      for (const server of servers) await server[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
  };
}
