/** Another checkout of this server, made ready to run: what `compare --against` is given. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { CompareOptionError } from './compare-options.ts';

const PROGRAM = ['bin', 'chat-server.js'];
/** Installs and builds what is missing or stale, in the checkout's own way. */
const PREPARE = ['scripts', 'prepare.mjs'];

/** The program of a checkout. */
export function programOf(dir: string): string {
  return join(resolve(dir), ...PROGRAM);
}

/** Rejects with `CompareOptionError` where there is no such checkout, or it cannot be built. */
export async function prepareBuild(dir: string): Promise<void> {
  if (!existsSync(programOf(dir)))
    throw new CompareOptionError(
      `--against must be a checkout of chat-server; ${resolve(dir)} has no ${PROGRAM.join('/')}`,
    );
  try {
    await promisify(execFile)(process.execPath, [join(resolve(dir), ...PREPARE)], { cwd: resolve(dir) });
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    throw new CompareOptionError(`--against ${dir} cannot be built: ${told}`, { cause: error });
  }
}
