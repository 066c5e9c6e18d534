/** A second process on the same data, from dist/: a `Store` whose methods run over there. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ChatError } from '../../src/protocol/errors.ts';
import type { ErrorCode } from '../../src/protocol/errors.ts';
import { type Store } from '../../src/chat/store.ts';
import { StoreUnavailable } from '../../src/chat/store-unavailable.ts';

interface Answer {
  readonly n: number;
  readonly value?: unknown;
  readonly error?: { readonly name: string; readonly code?: ErrorCode; readonly message: string };
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const CHILD = fileURLToPath(new URL('./lmdb-child.mjs', import.meta.url));

export interface ProcessOptions {
  readonly boot?: string;
  /** Claim the directory first, as a primary does. */
  readonly claims?: boolean;
}

export class LmdbProcess {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (answer: Answer) => this.#settle(answer));
    child.on('exit', () => {
      for (const { reject } of this.#pending.values()) reject(new StoreUnavailable('the process is gone'));
      this.#pending.clear();
    });
  }

  /** Resolves when the store is open over there. */
  static async start(
    dir: string,
    { boot = 'boot-1', claims = false }: ProcessOptions = {},
  ): Promise<LmdbProcess> {
    const child = fork(CHILD, [dir, boot, claims ? 'claim' : ''], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [],
    });
    const started = new LmdbProcess(child);
    await new Promise<void>((resolve, reject) => {
      started.#pending.set(0, { resolve: () => resolve(), reject });
    });
    return started;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  call(method: string, ...args: readonly unknown[]): Promise<unknown> {
    this.#calls += 1;
    const n = this.#calls;
    return new Promise((resolve, reject) => {
      this.#pending.set(n, { resolve, reject });
      this.#child.send({ n, method, args }, (error) => {
        if (error !== null) reject(new StoreUnavailable(error.message));
      });
    });
  }

  /** All methods, as if the store were here. */
  get store(): Store {
    const call = (method: string, args: readonly unknown[]): Promise<unknown> => this.call(method, ...args);
    return new Proxy({} as Store, {
      get: (_, name) => {
        if (name === 'then' || typeof name !== 'string') return undefined;
        if (name === 'close') return () => this.kill();
        if (name !== 'append') return (...args: unknown[]) => call(name, args);
        return async (...args: unknown[]) => {
          const { rooms, durable } = (await call(name, args)) as { rooms: unknown; durable: unknown };
          return { rooms, durable: Promise.resolve(durable) };
        };
      },
    });
  }

  /** SIGKILL; resolves when it is gone. Twice is the same as once. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #settle({ n, value, error }: Answer): void {
    const pending = this.#pending.get(n);
    this.#pending.delete(n);
    if (error === undefined) pending?.resolve(value);
    else if (error.code !== undefined) pending?.reject(new ChatError(error.code, error.message));
    else pending?.reject(Object.assign(new StoreUnavailable(error.message), { name: error.name }));
  }
}
