/** The real server on either adapter: one or several hosts, with a Redis of their own, restarted on the same data. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, type RedisOptions, type RedisServer } from './redis.ts';
import { startServer, type RunningServer } from './server.ts';

export type Adapter = 'cluster' | 'redis';

export interface OpenOptions {
  readonly adapter: Adapter;
  /** Of each host. Default 2. */
  readonly workers?: number | undefined;
  /** Servers on one Redis. Default 1. */
  readonly hosts?: number | undefined;
  readonly faults?: string | undefined;
  readonly args?: readonly string[] | undefined;
  /** Default `always`. */
  readonly appendfsync?: RedisOptions['appendfsync'];
}

export interface ServerHandle extends AsyncDisposable {
  /** Of the first host. */
  readonly url: string;
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
  workers = 2,
  hosts = 1,
  faults,
  args = [],
  appendfsync = 'always',
}: OpenOptions): Promise<ServerHandle> {
  const dataDir = mkdtempSync(join(tmpdir(), 'chat-show-'));
  const redis = adapter === 'redis' ? await startRedis({ appendfsync }) : undefined;
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
    get url() {
      return running[0]?.url ?? '';
    },
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
