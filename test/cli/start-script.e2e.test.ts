import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ChatClient } from '../support/client.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCRIPT = fileURLToPath(new URL('../../scripts/start.mjs', import.meta.url));

class Started implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'chat-start-'));
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  stdout = '';

  constructor(args: readonly string[], command: readonly [string, ...string[]] = [process.execPath, SCRIPT]) {
    const [program, ...first] = command;
    this.#child = spawn(program, [...first, '--port', '0', '--data-dir', this.#folder, ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
      cwd: ROOT,
    });
    this.#exited = once(this.#child, 'exit').then(([code]: (number | null)[]) => code ?? null);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
  }

  /** Where it listens, once it does. */
  async url(): Promise<string> {
    while (!/ready .*\n/.test(this.stdout)) {
      if (this.#child.stdout === null) throw new Error('no stdout');
      await once(this.#child.stdout, 'data');
    }
    return /chat-server ready (.*)/.exec(this.stdout)?.[1] ?? '';
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  exitCode(): Promise<number | null> {
    return this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Resolves when nobody answers there any more. */
async function gone(url: string): Promise<void> {
  for (;;) {
    try {
      await (await fetch(`${url}/healthz`)).text();
    } catch {
      return; // refused: nobody listens
    }
    await pause(50);
  }
}

test('npm start serves with the given flags and writes one line to stdout', async () => {
  await using started = new Started(['--workers', '1']);
  const url = await started.url();
  expect(started.stdout).toMatch(/^chat-server ready http:\/\/127\.0\.0\.1:\d+\n$/);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  started.signal('SIGTERM');
  expect(await started.exitCode()).toBe(0);
});

test('a Ctrl-C that arrives twice, from the terminal and from npm, drains', async () => {
  await using started = new Started(['--workers', '1', '--drain-spread', '500ms']);
  const url = await started.url();
  using ada = await ChatClient.connect(url, { user: 'ada' });
  // Clients are let go one after the other; one alone would be gone before the echo comes.
  using _bob = await ChatClient.connect(url, { user: 'bob' });
  using _cleo = await ChatClient.connect(url, { user: 'cleo' });
  started.signal('SIGINT');
  // Two of a kind that arrive at once are one for the kernel already.
  await pause(20);
  started.signal('SIGINT');
  await ada.event('closing');
  expect(await started.exitCode()).toBe(0);
});

test.each(['SIGTERM', 'SIGKILL'] as const)('%s to npm leaves no server behind', async (signal) => {
  await using started = new Started(['--workers', '1'], ['npm', 'start', '--']);
  const url = await started.url();
  started.signal(signal);
  await started.exitCode();
  await gone(url);
});

test('mistakes end with 78 through npm start as well', async () => {
  await using started = new Started(['--workers', 'many']);
  expect(await started.exitCode()).toBe(78);
});
