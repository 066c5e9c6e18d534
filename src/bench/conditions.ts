/** Under which conditions something was measured: a number without them says nothing. */
import { execFile } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Settings } from './compare-options.ts';
import { Latency } from './latency.ts';

export interface Conditions {
  readonly at: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly kernel: string;
  /** Name → version, of what takes part. */
  readonly versions: Readonly<Record<string, string>>;
  /** Of the last minute, when it began: what else ran here. */
  readonly loadAverage: number;
  /** A block written and flushed in the directory that the stores use: the floor of a commit. */
  readonly flushP50Ms: number;
  readonly notes: readonly string[];
}

const PACKAGES = [
  'socket.io',
  '@socket.io/sticky',
  '@socket.io/cluster-adapter',
  '@socket.io/redis-adapter',
  'redis',
  'lmdb',
];
const FLUSHES = 50;

async function versionOf(path: string): Promise<string> {
  try {
    const { version } = JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8')) as {
      version?: unknown;
    };
    return String(version);
  } catch {
    // Installed elsewhere (hoisted): the lockfile of whoever installed it says.
    return 'unknown';
  }
}

async function redisVersion(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('redis-server', ['--version']);
    return /v=(\S+)/.exec(stdout)?.[1] ?? 'unknown';
  } catch {
    return 'not installed';
  }
}

async function flushP50Ms(): Promise<number> {
  const path = join(tmpdir(), `chat-compare-flush-${process.pid}`);
  const file = await open(path, 'w');
  const latency = new Latency();
  try {
    const block = Buffer.alloc(4_096, 1);
    for (let i = 0; i < FLUSHES; i += 1) {
      const before = performance.now();
      await file.write(block, 0, block.length, i * block.length);
      await file.datasync();
      latency.record((performance.now() - before) * 1_000);
    }
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
  return latency.summary.p50Ms;
}

export async function conditionsOf(settings: Settings): Promise<Conditions> {
  const versions: Record<string, string> = {
    'chat-server': await versionOf('../../package.json'),
    node: process.versions.node,
    'redis-server': await redisVersion(),
  };
  for (const name of PACKAGES) versions[name] = await versionOf(`../../node_modules/${name}/package.json`);
  const [first] = cpus();
  return {
    at: new Date().toISOString(),
    cpu: first?.model ?? 'unknown',
    cores: cpus().length,
    memoryMb: Math.round(totalmem() / 1_048_576),
    kernel: release(),
    versions,
    loadAverage: loadavg()[0] ?? 0,
    flushP50Ms: await flushP50Ms(),
    notes: notes(settings),
  };
}

function notes(settings: Settings): string[] {
  const { workers, clients, rooms, loadProcesses, seconds, warmUpSeconds, runs, redisUrl, redisFsync } =
    settings;
  return [
    `${workers} workers, ${clients} clients in ${rooms} rooms, ${runs} × ${seconds} s after ${warmUpSeconds} s of warm-up, modes taking turns`,
    `a fresh server has ${warmUpSeconds} s of the load of busy before what is measured first, but for idle`,
    `idle: resident memory above that of the server before anybody came, just after the last one joined, and ${settings.idleSeconds} s later (quiet); the kernel’s part is for both ends of each connection`,
    `${loadProcesses} load process(es) on the same cores; WebSocket except in polling, loopback, no TLS; guests without a device or a cursor`,
    'whether the load was the limit: each run says how many cores it had (one for each of its processes at most) and how late its posts left',
    'a post is outstanding until its sender has both the answer and its own copy',
    `a post's text has ${settings.textBytes} characters; latency counts from the time a post was due, on one clock`,
    redisUrl === undefined
      ? `each Redis mode has a redis-server of its own, appendonly ${redisFsync === 'no' ? 'no' : `yes, appendfsync ${redisFsync}`}`
      : 'a Redis that was given; its CPU time is not counted and its persistence is its own',
    'plain: the Socket.IO documentation (sticky, least-connection, cluster adapter or sharded Redis adapter), nothing stored; one `messages` event for each message, with an array of one',
    'plain has two repairs: the whole head is collected and the reading stopped before a socket is handed over (or it loses connections), and node-redis has no command timeout (or it loses messages in a flood)',
    'CPU per delivery: primary, workers and Redis together. A run with any order error, hole, repeat or loss is void',
  ];
}
