/** The real primary with a plain worker, for the tests of src/primary. Needs a build in dist/. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { FrontCounts } from '../../src/primary/front.ts';
import type { PrimaryOptions } from '../../src/primary/main.ts';
import type { WorkerReport } from '../../src/primary/supervisor.ts';

export interface PlainOptions {
  readonly workers?: number;
  readonly port?: number;
  readonly adapter?: 'cluster' | 'redis';
  readonly limits?: PrimaryOptions['limits'];
  readonly supervision?: PrimaryOptions['supervision'];
  /** What the plain worker does: see plain-worker.mjs. */
  readonly worker?: {
    readonly bootMs?: number;
    readonly dies?: boolean;
    readonly fails?: boolean;
    readonly exitCode?: number;
  };
  /** Do not wait until the workers are ready, only until the port is open. Default true. */
  readonly isReady?: boolean;
}

interface LogLine {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly text: string;
}

type Said =
  | { readonly event: 'ready' | 'listening'; readonly url: string }
  | ({ readonly event: 'log' } & LogLine)
  | { readonly event: 'reply'; readonly id: number; readonly value: unknown };

export class PlainServer {
  readonly logged: LogLine[] = [];
  /** Resolves with the primary's exit code. */
  readonly exited: Promise<number | null>;

  readonly #child: ChildProcess;
  readonly #dir: string;
  readonly #replies = new Map<number, (value: unknown) => void>();
  readonly #reached = new Set<string>();
  #url = '';
  #asked = 0;

  private constructor(options: PlainOptions) {
    const { worker = {}, isReady: _, adapter = 'cluster', ...rest } = options;
    this.#dir = mkdtempSync(join(tmpdir(), 'plain-server-'));
    writeFileSync(this.#requestsFile, '');
    const config = { ...worker, adapter, requestsFile: this.#requestsFile, brokenFile: this.#brokenFile };
    const given = { workers: 2, adapter, config, ...rest };
    this.#child = fork(fileURLToPath(new URL('./plain-primary.mjs', import.meta.url)), {
      execArgv: [],
      env: { ...process.env, PLAIN_PRIMARY: JSON.stringify(given) },
    });
    this.#child.on('message', (said: Said) => this.#handleSaid(said));
    this.exited = once(this.#child, 'exit').then(([code]: (number | null)[]) => code ?? null);
  }

  static async start(options: PlainOptions = {}): Promise<PlainServer> {
    const server = new PlainServer(options);
    await server.reach(options.isReady === false ? 'listening' : 'ready');
    return server;
  }

  /** One that is expected to end by itself. */
  static launch(options: PlainOptions): PlainServer {
    return new PlainServer(options);
  }

  get url(): string {
    return this.#url;
  }

  get port(): number {
    return Number(new URL(this.#url).port);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What the workers saw, one line each: method and URL. */
  get requests(): string[] {
    return readFileSync(this.#requestsFile, 'utf8').split('\n').filter(Boolean);
  }

  get #requestsFile(): string {
    return join(this.#dir, 'requests');
  }

  get #brokenFile(): string {
    return join(this.#dir, 'broken');
  }

  /** Resolves when the port is open, or all workers were ready once. */
  async reach(state: 'listening' | 'ready'): Promise<void> {
    await this.until(() => this.#reached.has(state), `the server is ${state}`);
  }

  workers(): Promise<WorkerReport[]> {
    return this.#ask('workers');
  }

  counts(): Promise<FrontCounts> {
    return this.#ask('counts');
  }

  reload(): Promise<boolean> {
    return this.#ask('reload');
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** From now on no new worker can start, as with a broken build. */
  breakWorkers(): void {
    writeFileSync(this.#brokenFile, '');
  }

  mendWorkers(): void {
    rmSync(this.#brokenFile);
  }

  hasLogged(text: string): boolean {
    return this.logged.some((line) => JSON.stringify(line).includes(text));
  }

  /** Looks again and again until it holds: for what no event tells. */
  async until(holds: () => boolean | Promise<boolean>, what: string, withinMs = 15_000): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!(await holds())) {
      if (this.#child.exitCode !== null)
        throw new Error(`the primary ended before: ${what}\n${JSON.stringify(this.logged)}`);
      if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
      await pause(20);
    }
  }

  /** Ends it; fails where a worker outlives it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const workers = await this.workers();
      for (const { pid } of workers) if (pid !== undefined) sendSignal(pid, 'SIGCONT');
      // Two of the same would become one.
      this.#child.kill('SIGTERM');
      this.#child.kill('SIGINT');
      await this.exited;
      const left = workers.filter(({ pid }) => pid !== undefined && isAlive(pid));
      if (left.length > 0) throw new Error(`workers outlived the primary: ${JSON.stringify(left)}`);
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #ask<T>(ask: string): Promise<T> {
    this.#asked += 1;
    const id = this.#asked;
    const reply = new Promise<unknown>((resolve) => {
      this.#replies.set(id, resolve);
    });
    this.#child.send({ id, ask });
    const ended = this.exited.then((code): never => {
      throw new Error(`the primary ended with ${code} instead of an answer to ${ask}`);
    });
    return (await Promise.race([reply, ended])) as T;
  }

  #handleSaid(said: Said): void {
    switch (said.event) {
      case 'ready':
      case 'listening':
        this.#url = said.url;
        this.#reached.add(said.event);
        break;
      case 'log':
        this.logged.push(said);
        break;
      case 'reply':
        this.#replies.get(said.id)?.(said.value);
        this.#replies.delete(said.id);
    }
  }
}

export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Gone already, which is fine with whoever sends a signal here.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
