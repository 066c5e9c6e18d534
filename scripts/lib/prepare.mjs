/**
 * Brings the working tree up to date: dependencies as package-lock.json names them, and dist/
 * built from src/. What is as it should be is left alone.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runQuietly, say, ScriptError } from './run.mjs';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const at = (...parts) => join(ROOT, ...parts);

const LOCK = at('package-lock.json');
/** Written by npm after every install. */
const INSTALLED = at('node_modules', '.package-lock.json');
const INSTALLED_FROM = at('node_modules', '.installed-from');
const BUILT_FROM = at('dist', '.built-from');
const BUILD_INPUTS = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];

/** Ends the process with a message when something cannot be done. */
export async function prepare() {
  try {
    await install();
    await build();
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    say(error.message);
    process.exit(error.exitCode);
  }
}

export async function install() {
  const lock = hashOf([LOCK]);
  if (isInstalled(lock)) return;
  // npm tells where it is when it runs us; NODE_ENV=production would leave out the compiler.
  const npm = process.env.npm_execpath;
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const [command, ...before] = npm?.endsWith('.js') === true ? [process.execPath, npm] : ['npm'];
  await runQuietly('Installing dependencies (npm ci)', command, [...before, ...args, '--prefix', ROOT], {
    exitCode: 69,
  });
  writeFileSync(INSTALLED_FROM, lock);
}

function isInstalled(lock) {
  if (!existsSync(INSTALLED) || !existsSync(at('node_modules', 'typescript'))) return false;
  if (existsSync(INSTALLED_FROM)) return readFileSync(INSTALLED_FROM, 'utf8') === lock;
  // Installed by hand: npm's own record is at least as new as the lock file.
  return statSync(INSTALLED).mtimeMs >= statSync(LOCK).mtimeMs;
}

export async function build() {
  const sources = hashOf([...BUILD_INPUTS.map((name) => at(name)), ...filesUnder(at('src'))]);
  if (existsSync(BUILT_FROM) && readFileSync(BUILT_FROM, 'utf8') === sources) return;
  const compiler = at('node_modules', 'typescript', 'bin', 'tsc');
  await runQuietly('Building (tsc)', process.execPath, [compiler, '-p', at('tsconfig.build.json')]);
  writeFileSync(BUILT_FROM, sources);
}

function filesUnder(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files)
    hash.update(file.slice(ROOT.length)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}
