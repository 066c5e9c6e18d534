/** The real server for a scenario: one or several hosts, restarted on the same data. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, type RedisServer } from '../support/redis.ts';
import { startServer, type RunningServer } from '../support/server.ts';
import type { Adapter } from './scenario.ts';

export interface OpenOptions {
  readonly adapter: Adapter;
  readonly workers: number;
  /** Servers on one Redis. Default 1. */
  readonly hosts?: number | undefined;
  readonly faults?: string | undefined;
  readonly args?: readonly string[] | undefined;
}

export interface ServerHandle extends AsyncDisposable {
  readonly urls: readonly string[];
  readonly hosts: readonly RunningServer[];
  readonly redis: RedisServer | undefined;
  readonly dataDir: string;
  /** SIGTERM to all hosts, then all again on the same data; the addresses change. */
  restart(): Promise<void>;
  /** kill -9 of all hosts and their workers, then all again on the same data. */
  crash(): Promise<void>;
}

export async function openServer({
  adapter,
  workers,
  hosts = 1,
  faults,
  args = [],
}: OpenOptions): Promise<ServerHandle> {
  const dataDir = mkdtempSync(join(tmpdir(), 'chat-show-'));
  const redis = adapter === 'redis' ? await startRedis({ appendfsync: 'always' }) : undefined;
  const start = (): Promise<RunningServer[]> =>
    Promise.all(
      Array.from({ length: hosts }, () =>
        startServer({
          adapter,
          workers,
          dataDir,
          ...(redis === undefined ? {} : { redisUrl: redis.url, redisPrefix: 'show' }),
          args: [...args, ...(faults === undefined ? [] : ['--allow-faults'])],
          env: faults === undefined ? {} : { CHAT_FAULTS: faults },
        }),
      ),
    );
  let running = await start();
  return {
    get urls() {
      return running.map((server) => server.url);
    },
    get hosts() {
      return running;
    },
    redis,
    dataDir,
    async restart() {
      await Promise.all(running.map((server) => server.stop()));
      running = await start();
    },
    async crash() {
      await Promise.all(running.map((server) => server.kill()));
      running = await start();
    },
    async [Symbol.asyncDispose]() {
      for (const server of running) await server[Symbol.asyncDispose]();
      await redis?.[Symbol.asyncDispose]();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
