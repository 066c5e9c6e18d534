/**
 * The real server for tests: `bin/chat-server.js` as a child process, on a free port, with data
 * of its own. Build first (`npm run build`). Ended by its pid; what it forked ends with it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/chat-server.js', import.meta.url));
const READY_MS = 30_000;
const STOP_MS = 30_000;

export interface ServerOptions {
  readonly adapter?: 'cluster' | 'redis' | undefined;
  readonly workers?: number | undefined;
  /** Kept afterwards; without one a fresh directory, removed at the end. */
  readonly dataDir?: string | undefined;
  readonly redisUrl?: string | undefined;
  readonly redisPrefix?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Pids of the workers that live now. */
  workers(): number[];
  stderr(): string;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** kill -9 of the primary and its workers. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  readonly exited: Promise<number | null>;
}

export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const { adapter = 'cluster', workers = 2, args = [], env = {} } = options;
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'chat-test-'));
  const where =
    adapter === 'cluster'
      ? ['--data-dir', dataDir]
      : [
          '--redis-url',
          options.redisUrl ?? '',
          '--redis-prefix',
          options.redisPrefix ?? `t${process.pid}-${Math.random().toString(36).slice(2, 10)}`,
        ];
  const child = spawn(
    process.execPath,
    [BIN, '--adapter', adapter, '--workers', String(workers), '--port', '0', ...where, ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...cleanEnvironment(), ...env },
    },
  );
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + String(chunk)).slice(-200_000);
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const { pid } = child;
  if (pid === undefined) throw new Error('the server did not start');
  const workerPids = (): number[] => childrenOf(pid);
  const end = async (): Promise<void> => {
    const all = [...workerPids(), pid];
    for (const one of all) signalTo(one, 'SIGKILL');
    await exited;
  };
  let url: string;
  try {
    url = await readyLine(child.stdout, exited, () => stderr);
  } catch (error) {
    await end();
    throw error;
  }
  return {
    url,
    pid,
    exited,
    workers: workerPids,
    stderr: () => stderr,
    signal: (signal) => signalTo(pid, signal),
    async stop() {
      signalTo(pid, 'SIGTERM');
      const code = await Promise.race([exited, pause(STOP_MS, 'late' as const)]);
      if (code !== 'late') return code;
      await end();
      throw new Error(`the server did not end within ${STOP_MS} ms:\n${stderr.slice(-2_000)}`);
    },
    kill: end,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) await end();
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Without what a person's shell may have set for a server of theirs. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('CHAT_') && !name.startsWith('VITEST')),
  );
}

async function readyLine(
  stdout: NodeJS.ReadableStream,
  exited: Promise<number | null>,
  stderr: () => string,
): Promise<string> {
  let text = '';
  const ready = new Promise<string>((resolve) => {
    stdout.on('data', (chunk) => {
      text += String(chunk);
      const match = /chat-server ready (\S+)/.exec(text);
      if (match?.[1] !== undefined) resolve(match[1]);
    });
  });
  const failed = exited.then((code) => {
    throw new Error(`the server ended with ${code} before it was ready:\n${stderr().slice(-2_000)}`);
  });
  const late = pause(READY_MS, undefined, { ref: false }).then(() => {
    throw new Error(`the server was not ready within ${READY_MS} ms:\n${stderr().slice(-2_000)}`);
  });
  failed.catch(() => {});
  late.catch(() => {});
  return Promise.race([ready, failed, late]);
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

export function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}
