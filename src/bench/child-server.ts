/**
 * A server as a child process: started, ready when it says so, ended by its pid.
 *
 * Its environment is made here from nothing, so that no setting of the caller's changes what
 * is measured.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** A line that says that it is ready; its first group is what `said` gives. */
  readonly ready: RegExp;
  readonly readyMs?: number | undefined;
}

const END_MS = 15_000;
const MAX_OUTPUT = 8_192;

/** Only what a process needs to run at all. */
export function cleanEnv(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG, TMPDIR } = process.env;
  const kept = Object.entries({ PATH, HOME, LANG, TMPDIR }).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(kept), ...more };
}

export class ChildServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #name: string;
  #output = '';
  said = '';

  private constructor({ command, args, cwd, env }: ChildOptions) {
    this.#name = [command, ...args].join(' ');
    this.#child = spawn(command, args, { cwd, env: cleanEnv(env), stdio: ['pipe', 'pipe', 'pipe'] });
  }

  static async start(options: ChildOptions): Promise<ChildServer> {
    const server = new ChildServer(options);
    try {
      server.said = await server.#ready(options.ready, options.readyMs ?? 30_000);
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isGone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The end of what it wrote, for a report of what went wrong. */
  get output(): string {
    return this.#output;
  }

  /** SIGTERM; SIGKILL when that takes too long. */
  async close(): Promise<void> {
    if (this.#child.pid === undefined || this.isGone) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    await gone;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #ready(pattern: RegExp, readyMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        clearTimeout(timer);
        reject(new Error(`${this.#name}: ${reason}\n${this.#output}`));
      };
      const timer = setTimeout(() => fail(`not ready within ${readyMs} ms`), readyMs);
      const onText = (text: Buffer): void => {
        this.#output = `${this.#output}${text.toString()}`.slice(-MAX_OUTPUT);
        const match = pattern.exec(this.#output);
        if (match === null) return;
        clearTimeout(timer);
        resolve(match[1] ?? match[0]);
      };
      this.#child.stdout?.on('data', onText);
      this.#child.stderr?.on('data', onText);
      this.#child.once('error', (error) => fail(error.message));
      this.#child.once('exit', (code, signal) => fail(`ended with ${code ?? signal}`));
    });
  }
}
