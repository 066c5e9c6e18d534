/**
 * What the tests need from the system: a real Redis and a real nginx. Brought by apt-get where
 * it may (root, or sudo without a password); otherwise told exactly what is missing.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runQuietly, ScriptError } from './run.mjs';

const NEEDED = [
  { program: 'redis-server', package: 'redis-server', why: 'tests of --adapter redis (version 7 or newer)' },
  { program: 'nginx', package: 'nginx', why: 'tests of the proxy examples in docs/' },
];
const LEAST_REDIS = 7;
const FOLDERS = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];

export async function bringSystemPackages() {
  const missing = NEEDED.filter(({ program }) => find(program) === undefined);
  if (missing.length > 0) await bring(missing);
  checkRedis();
}

async function bring(missing) {
  const names = missing.map((each) => each.package);
  const rights = find('apt-get') === undefined ? undefined : rootRights();
  if (rights === undefined) {
    const list = missing.map((each) => `  ${each.program}: for ${each.why}`).join('\n');
    throw new ScriptError(
      `The tests need programs that are not installed:\n${list}\n` +
        `Get them with: sudo apt-get install ${names.join(' ')} (or your system's package manager), then run npm test again.`,
      69,
    );
  }
  // RUNLEVEL=1: the packages' services are not started; the tests start their own.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const [command, ...before] = [
    ...rights,
    'env',
    ...Object.entries(env).map(([k, v]) => `${k}=${v}`),
    'apt-get',
  ];
  const options = { exitCode: 69 };
  await runQuietly(
    'Reading the package lists (apt-get update)',
    command,
    [...before, 'update', '-q'],
    options,
  );
  const args = ['install', '-q', '-y', '--no-install-recommends', ...names];
  await runQuietly(`Installing ${names.join(' and ')} (apt-get)`, command, [...before, ...args], options);
  for (const { program } of missing) {
    if (find(program) === undefined)
      throw new ScriptError(`${program} is still not there after its installation`, 69);
  }
}

function checkRedis() {
  const told = execFileSync(find('redis-server'), ['--version'], { encoding: 'utf8' });
  const major = Number(/v=(\d+)\./.exec(told)?.[1]);
  if (major >= LEAST_REDIS) return;
  throw new ScriptError(
    `The tests need Redis ${LEAST_REDIS} or newer; found: ${told.trim()}. Install a newer redis-server and put it first in PATH.`,
    69,
  );
}

/** What a command must begin with to run as root; undefined: it cannot. */
function rootRights() {
  if (process.getuid?.() === 0) return [];
  try {
    execFileSync('sudo', ['-n', 'true'], { stdio: 'ignore' });
    return ['sudo', '-n'];
  } catch {
    return undefined;
  }
}

function find(program) {
  return FOLDERS.map((folder) => join(folder, program)).find((path) => existsSync(path));
}
