/**
 * What is measured: a server in one of the modes, with the Redis it needs, fresh each time.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChildServer } from './child-server.ts';
import { isOurs, isPlain, type Mode, type Settings } from './compare-options.ts';
import { childrenOf, type Roles } from './measure.ts';
import { programOf } from './other-build.ts';

const PLAIN = fileURLToPath(new URL(`plain-primary${extname(import.meta.url)}`, import.meta.url));
const CHAT = fileURLToPath(new URL('../../bin/chat-server.js', import.meta.url));

export interface Target extends AsyncDisposable {
  readonly url: string;
  readonly roles: Omit<Roles, 'load'>;
  /** Whether it still runs with the same processes; else what was measured is void. */
  isWhole(): Promise<boolean>;
  /** The end of what the server wrote. */
  readonly output: string;
}

function usesRedis(mode: Mode): boolean {
  return mode.endsWith('redis');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

async function startRedis(dir: string, { redisFsync }: Settings): Promise<ChildServer & { url?: string }> {
  const port = await freePort();
  const persistence =
    redisFsync === 'no' ? ['--appendonly', 'no'] : ['--appendonly', 'yes', '--appendfsync', redisFsync];
  return ChildServer.start({
    command: 'redis-server',
    args: ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...persistence],
    cwd: dir,
    ready: /Ready to accept connections/,
  }).then((server) => Object.assign(server, { url: `redis://127.0.0.1:${port}` }));
}

/** Workers are forked with the flags of their primary. */
function nodeArgs({ cpuProfDir }: Settings): string[] {
  return cpuProfDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${cpuProfDir}`];
}

function startPlain(dir: string, redisUrl: string | undefined, settings: Settings): Promise<ChildServer> {
  return ChildServer.start({
    command: process.execPath,
    args: [...nodeArgs(settings), PLAIN],
    cwd: dir,
    env: {
      PLAIN_WORKERS: String(settings.workers),
      ...(redisUrl === undefined ? {} : { PLAIN_REDIS_URL: redisUrl }),
    },
    ready: /plain ready (\S+)/,
  });
}

function startChat(
  program: string,
  dir: string,
  redisUrl: string | undefined,
  settings: Settings,
): Promise<ChildServer> {
  const store =
    redisUrl === undefined
      ? ['--adapter', 'cluster', '--data-dir', join(dir, 'data')]
      : [
          '--adapter',
          'redis',
          '--redis-url',
          redisUrl,
          '--redis-prefix',
          `compare-${process.pid}-${Date.now()}`,
        ];
  // The limit of posts is there and counts, far above what any load reaches.
  const limits = [
    '--rate-posts',
    '1000000000/1m',
    '--max-outstanding',
    String(Math.max(1_000, settings.floodPosts)),
  ];
  return ChildServer.start({
    command: process.execPath,
    args: [
      ...nodeArgs(settings),
      program,
      'start',
      '--workers',
      String(settings.workers),
      '--port',
      '0',
      ...store,
      ...limits,
      ...settings.serverArgs,
    ],
    cwd: dir,
    ready: /chat-server ready (\S+)/,
  });
}

function programFor(mode: Mode, { against }: Settings): string {
  return isOurs(mode) || against === undefined ? CHAT : programOf(against);
}

export async function openTarget(mode: Mode, settings: Settings): Promise<Target> {
  const dir = await mkdtemp(join(tmpdir(), 'chat-compare-'));
  const opened: ChildServer[] = [];
  const close = async (): Promise<void> => {
    for (const server of opened.reverse()) await server.close();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const own =
      usesRedis(mode) && settings.redisUrl === undefined ? await startRedis(dir, settings) : undefined;
    if (own !== undefined) opened.push(own);
    const redisUrl = usesRedis(mode) ? (settings.redisUrl ?? own?.url) : undefined;
    const server = await (isPlain(mode)
      ? startPlain(dir, redisUrl, settings)
      : startChat(programFor(mode, settings), dir, redisUrl, settings));
    opened.push(server);
    const workers = await childrenOf(server.pid);
    return {
      url: server.said,
      roles: { primary: [server.pid], workers, redis: own === undefined ? [] : [own.pid] },
      get output() {
        return server.output;
      },
      isWhole: async () => {
        const present = new Set(await childrenOf(server.pid));
        return workers.every((pid) => present.has(pid)) && opened.every((child) => !child.isGone);
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
