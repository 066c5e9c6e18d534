import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer } from '../support/server.ts';

/** In the repository, so that it finds socket.io-client as a reader's own project would. */
const SNIPPET = fileURLToPath(new URL(`./.chat-${process.pid}.mjs`, import.meta.url));

beforeAll(() => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const code = /<!-- snippet -->\n```js\n([\s\S]*?)```/.exec(readme)?.[1];
  if (code === undefined) throw new Error('README.md has no snippet');
  writeFileSync(SNIPPET, code);
});

afterAll(() => rmSync(SNIPPET, { force: true }));

/** Somebody at a terminal who runs the README's program. */
class Person implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  seen = '';

  constructor(name: string, url: string) {
    this.#child = spawn(process.execPath, [SNIPPET, name, url], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#exited = once(this.#child, 'exit');
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.seen += text;
    });
  }

  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async sees(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.seen)) {
      if (this.#child.stdout === null) throw new Error('no stdout');
      await once(this.#child.stdout, 'data');
    }
  }

  /** Also waits until it is gone. */
  async quit(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.quit();
  }
}

test('the README’s chat works as it says: two people talk, and who was away gets what was missed, once', async () => {
  await using server = await startServer({ workers: 2 });
  await using ada = new Person('ada', server.url);
  await ada.sees(/ok: true/);
  await using bob = new Person('bob', server.url);
  await bob.sees(/ok: true/);
  ada.type('hello bob');
  await bob.sees(/^1 ada: hello bob$/m);
  bob.type('hello ada');
  await ada.sees(/^2 bob: hello ada$/m);
  await bob.sees(/^2 bob: hello ada$/m);
  await bob.quit();

  ada.type('are you there?');
  await ada.sees(/^3 ada: are you there\?$/m);
  await using back = new Person('bob', server.url);
  await back.sees(/^3 ada: are you there\?$/m);
  ada.type('welcome back');
  await back.sees(/^4 ada: welcome back$/m);
  expect(back.seen.match(/are you there/g)).toHaveLength(1);
  expect(back.seen).not.toContain('1 ada: hello bob');
});

test('whoever comes without a name is told why not', async () => {
  await using server = await startServer({ workers: 1 });
  await using nobody = new Person('', server.url);
  await nobody.sees(/code: 'bad_request'|code: 'unauthorized'/);
});
