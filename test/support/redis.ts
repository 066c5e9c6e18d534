/**
 * Real Redis servers for tests: on free loopback ports, each with a directory of its own.
 *
 * A server is ended by its pid, and by a watcher if this process dies without ending it.
 * Everything that waits is bounded. `redis-topologies.ts` puts several together.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from 'redis';

export interface RedisOptions {
  /** Default `always`; `none`: no append-only file at all. */
  readonly appendfsync?: 'always' | 'everysec' | 'no' | 'none' | undefined;
  /** Further settings: `{ maxmemory: '10mb' }`. */
  readonly config?: Readonly<Record<string, string | number>> | undefined;
  /** A port to use instead of a free one. */
  readonly port?: number | undefined;
  /** Start as a replica of the server on this port. */
  readonly replicaOf?: number | undefined;
  /** What its directory holds when it starts: a copy of this one. */
  readonly dataOf?: string | undefined;
}

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  /** Of the process that runs now, 0 when none does. */
  readonly pid: number;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM: saves what it has to. */
  stop(): Promise<void>;
  /** SIGSTOP: keeps its connections and answers nothing. */
  freeze(): void;
  thaw(): void;
  /** On the same port and directory; kills what still runs. */
  restart(): Promise<void>;
  /** One command over a connection of its own. */
  ask(...command: string[]): Promise<unknown>;
  [Symbol.asyncDispose](): Promise<void>;
}

const READY = /Ready to accept connections|\+monitor master/;
const BOUND_MS = 20_000;

/** A port that nobody listens on; below 55 000, so that a cluster bus fits above it. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    await once(server, 'close');
    if (typeof address === 'object' && address !== null && address.port < 55_000) return address.port;
  }
}

/** Kills the process when this one is gone, however that came about. */
function watch(pid: number): ChildProcess {
  const watcher = spawn('/bin/sh', ['-c', `read -r _; kill -9 ${pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watcher.unref();
  const { stdin } = watcher;
  if (stdin !== null && 'unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
  return watcher;
}

class Server implements RedisServer {
  readonly port: number;
  readonly dir: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #watcher: ChildProcess | undefined;

  constructor(port: number, dir: string, args: readonly string[]) {
    this.port = port;
    this.dir = dir;
    this.#args = args;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const child = spawn('redis-server', this.#args, { cwd: this.dir, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    let output = '';
    const ready = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`redis-server was not ready:\n${output}`)), BOUND_MS);
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error);
      };
      child.once('error', (error) => settle(error));
      child.once('exit', (code) => settle(new Error(`redis-server ended with ${code}:\n${output}`)));
      const onText = (text: Buffer): void => {
        if (output.length > 100_000) return;
        output += text.toString();
        if (READY.test(output)) settle();
      };
      child.stdout.on('data', onText);
      child.stderr.on('data', onText);
    });
    try {
      await ready;
    } catch (error) {
      await this.#end('SIGKILL');
      throw error;
    }
    if (child.pid !== undefined) this.#watcher = watch(child.pid);
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async ask(...command: string[]): Promise<unknown> {
    const client = createClient({ url: this.url, RESP: 2, socket: { reconnectStrategy: false } });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await client.sendCommand(command);
    } finally {
      client.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGCONT');
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), BOUND_MS);
      await gone;
      clearTimeout(timer);
    }
    this.#watcher?.kill('SIGKILL');
    this.#watcher = undefined;
  }
}

/** A server that is up; `sentinel`: a Sentinel with these lines as its file. */
export async function startServer(
  port: number,
  args: (dir: string) => Promise<readonly string[]> | readonly string[],
): Promise<RedisServer> {
  const dir = await mkdtemp(join(tmpdir(), 'chat-redis-'));
  const server = new Server(port, dir, await args(dir));
  try {
    await server.start();
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const { appendfsync = 'always', config = {}, replicaOf, dataOf } = options;
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const settings: Record<string, string | number> = {
      port,
      bind: '127.0.0.1',
      save: '',
      'repl-diskless-sync-delay': 0,
      appendonly: appendfsync === 'none' ? 'no' : 'yes',
      ...(appendfsync === 'none' ? {} : { appendfsync }),
      ...(replicaOf === undefined ? {} : { replicaof: `127.0.0.1 ${replicaOf}` }),
      ...config,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [
      `--${name}`,
      ...(value === '' ? [''] : String(value).split(' ')),
    ]);
    try {
      return await startServer(port, async (dir) => {
        if (dataOf !== undefined) await cp(dataOf, dir, { recursive: true });
        return args;
      });
    } catch (error) {
      // Somebody else may have taken the port meanwhile.
      if (attempt >= 3 || options.port !== undefined) throw error;
    }
  }
}

/** Asks until the answer is as wanted; throws with the last answer after a while. */
export async function until<T>(
  read: () => Promise<T> | T,
  isWanted: (value: T) => boolean,
  boundMs = BOUND_MS,
): Promise<T> {
  const end = Date.now() + boundMs;
  for (;;) {
    let last: unknown;
    try {
      const value = await read();
      if (isWanted(value)) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`not so within ${boundMs} ms; last: ${String(last)}`);
    await pause(20);
  }
}
