/** A real nginx with one of the configurations of docs/running.md, on a free port, in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const DOCS = new URL('../../docs/running.md', import.meta.url);
const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

export class Nginx implements AsyncDisposable {
  readonly url: string;
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(url: string, folder: string, child: ChildProcess) {
    this.url = url;
    this.#folder = folder;
    this.#child = child;
  }

  /** `example`: the name in the document; `backends`: what stands in for its addresses, in order. */
  static async start(example: string, backends: readonly string[]): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), 'chat-nginx-'));
    const port = await freePort();
    writeFileSync(join(folder, 'nginx.conf'), around(folder, adapted(readExample(example), port, backends)));
    for (const name of ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']) mkdirSync(join(folder, name));
    const child = spawn('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log', '-g', 'daemon off;'], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, PATH: [process.env['PATH'], '/usr/sbin', '/usr/local/sbin'].join(delimiter) },
    });
    const nginx = new Nginx(`https://127.0.0.1:${port}`, folder, child);
    await nginx.#listening(port);
    return nginx;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #listening(port: number): Promise<void> {
    for (let tries = 0; tries < 400; tries += 1) {
      if (this.#child.exitCode !== null) throw new Error(`nginx ended with ${this.#child.exitCode}`);
      if (await canConnect(port)) return;
      await pause(25);
    }
    throw new Error('nginx does not listen');
  }
}

function readExample(name: string): string {
  const text = readFileSync(DOCS, 'utf8');
  const found = text.split(`<!-- nginx: ${name} -->`)[1]?.match(/```nginx\n([\s\S]*?)```/)?.[1];
  if (found === undefined) throw new Error(`docs/running.md has no nginx example "${name}"`);
  return found;
}

/** Addresses and files of this test in place of the example's; everything else stays as a reader has it. */
function adapted(example: string, port: number, backends: readonly string[]): string {
  const rest = [...backends];
  const text = example
    .replaceAll(/(?:127\.0\.0\.1|10\.0\.0\.\d+):3000/g, () => rest.shift() ?? 'too few backends')
    .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
    .replace('/etc/ssl/chat.example.org.pem', fixture('proxy.pem'))
    .replace('/etc/ssl/chat.example.org.key', fixture('proxy.key'));
  if (rest.length > 0) throw new Error('the example names fewer servers');
  return text;
}

function around(folder: string, example: string): string {
  const root = process.getuid?.() === 0 ? 'user root;\n' : '';
  const paths = ['client_body_temp_path body', 'proxy_temp_path proxy', 'fastcgi_temp_path fastcgi'];
  const more = ['uwsgi_temp_path uwsgi', 'scgi_temp_path scgi', 'access_log off', 'error_log error.log'];
  return `${root}worker_processes 1;\npid ${folder}/pid;\nevents { worker_connections 1024; }\nhttp {\n${[...paths, ...more].map((line) => `${line};\n`).join('')}${example}}\n`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (can: boolean) => (): void => {
      socket.destroy();
      resolve(can);
    };
    socket.once('connect', end(true)).once('error', end(false));
  });
}
