/**
 * Whose a data directory is: ours, of a format we read, and used by one server at a time.
 *
 * The claim is an abstract Unix socket named after the directory's device and inode: the
 * kernel takes it back when its owner dies, however it dies, so it can never be stale. Where
 * there are none (not Linux) it is a lock file with the owner's process id.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { isAlive } from './alive.ts';
import { bootOfMachine } from './boot.ts';
import { FAILED_FILE, recover, type Recovered } from './recovery.ts';

/** What LMDB keeps everything in. */
export const DATA_FILE = 'chat.mdb';
const FORMAT_FILE = 'chat-server-format.json';
const NAME = 'chat-server';
/** Raised when a release can no longer read what an older one wrote. */
const FORMAT = 1;
const OWNER_FILE = 'owner.pid';

/** The directory cannot be used; the message says what was found and what to do. */
export class DataDirError extends Error {
  /** 69 where the system refused what another time may be given. */
  readonly exitCode: 69 | 78;

  constructor(message: string, exitCode: 69 | 78 = 78) {
    super(message);
    this.name = 'DataDirError';
    this.exitCode = exitCode;
  }
}

export interface Claim {
  /** Which files the data is in (`filesOf`): workers open those and no others. */
  readonly dataFiles: string;
  readonly recovered: Recovered;
  /** Twice is the same as once. */
  release(): Promise<void>;
}

/** How often the data was restored from a copy that only `markRestored` knows of. */
export function restoresOf(dir: string): number {
  const { restores } = readFormat(join(dir, FORMAT_FILE));
  return typeof restores === 'number' ? restores : 0;
}

/**
 * Says that the data is not what it was (a copy was put over it): every room begins a new
 * epoch. To be called while no server runs on the directory.
 */
export function markRestored(dir: string): void {
  checkFormat(dir);
  writeFormat(dir, restoresOf(dir) + 1);
}

/**
 * Makes the directory and an empty data file if they are not there; rejects with `DataDirError`.
 * Held until released or the process ends.
 */
export async function claimDataDir(dir: string, boot = bootOfMachine()): Promise<Claim> {
  const path = join(dir, DATA_FILE);
  use(dir, () => {
    makeDirectory(dir);
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  });
  checkFormat(dir);
  // To LMDB an empty file is a new one.
  const lock = lockOf(path);
  use(path, () => closeSync(openSync(path, 'a')));
  // Closing it would give up this process's locks on it.
  if (!existsSync(lock)) use(lock, () => closeSync(openSync(lock, 'a')));
  const dataFiles = filesOf(path);
  if (dataFiles === undefined)
    throw new DataDirError(`${path} is gone; is another server being set up there?`);
  const release = process.platform === 'linux' ? await claimBySocket(dir) : claimByFile(dir);
  try {
    return { release, dataFiles, recovered: recoverClaimed(dir, path, boot) };
  } catch (error) {
    await release();
    throw error;
  }
}

/** No right, no space, a disk that fails: the directory may be the right one. */
const REFUSALS = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE']);

function use<T>(path: string, attempt: () => T): T {
  try {
    return attempt();
  } catch (error) {
    const { message: why, code = '' } = error as NodeJS.ErrnoException;
    throw new DataDirError(
      `${path} cannot be used (${why}); name a directory that can be written (--data-dir)`,
      REFUSALS.has(code) ? 69 : 78,
    );
  }
}

/** Nobody else has the data open: what only a crash can have left is put right. */
function recoverClaimed(dir: string, path: string, boot: string): Recovered {
  return use(path, () => {
    const beginLife = (): void => writeFormat(dir, restoresOf(dir) + 1);
    // Said first: whatever interrupts this, the next start begins new epochs.
    if (existsSync(join(dir, FAILED_FILE))) beginLife();
    return recover(dir, path, { file: birthOf(path), boot }, beginLife);
  });
}

/** Of a data file that is there: what stays when disks are numbered anew, and not in a copy. */
export function birthOf(path: string): string {
  const { ino, birthtimeNs } = statSync(path, { bigint: true });
  return `${ino}.${birthtimeNs}`;
}

/** Tells a copy that was put in place of the data: an inode may come again, but was not born then. */
export function identityOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}.${found.ino}.${found.birthtimeNs}`;
}

/** LMDB's lock file, without which two writers would not know of each other. */
export function lockOf(path: string): string {
  return `${path}-lock`;
}

/** The data file and its lock file; undefined when one is missing. */
export function filesOf(path: string): string | undefined {
  const data = identityOf(path);
  const lock = identityOf(lockOf(path));
  return data === undefined || lock === undefined ? undefined : `${data} ${lock}`;
}

/** With its parents. Node's own recursion never ends where nothing can be made (below /proc). */
export function makeDirectory(dir: string): void {
  const path = resolve(dir);
  if (existsSync(path)) {
    if (!statSync(path).isDirectory()) throw new Error('it is not a directory');
    return;
  }
  makeDirectory(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function checkFormat(dir: string): void {
  const path = join(dir, FORMAT_FILE);
  if (!existsSync(path)) {
    const found = readdirSync(dir).filter((name) => name !== `${FORMAT_FILE}.new`);
    if (found.length > 0) {
      throw new DataDirError(
        `${dir} holds something else (${found.slice(0, 3).join(', ')}); name an empty or a new directory (--data-dir)`,
      );
    }
    writeFormat(dir, 0);
    return;
  }
  const { name, format } = readFormat(path);
  if (name !== NAME)
    throw new DataDirError(
      `${path} is not ours (name ${JSON.stringify(name)}); name another directory (--data-dir)`,
    );
  if (format !== FORMAT) {
    throw new DataDirError(
      `${dir} has format ${String(format)}, this release reads ${FORMAT}; use the release that wrote it, or name another directory (--data-dir)`,
    );
  }
}

/** Written beside and moved over, so that a crash leaves the old file or the new one. */
function writeFormat(dir: string, restores: number): void {
  const path = join(dir, FORMAT_FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify({ name: NAME, format: FORMAT, restores })}\n`, {
    flush: true,
  });
  renameSync(`${path}.new`, path);
}

function readFormat(path: string): { name?: unknown; format?: unknown; restores?: unknown } {
  try {
    const found: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof found === 'object' && found !== null ? found : {};
  } catch {
    return {};
  }
}

function inUse(dir: string, by = ''): DataDirError {
  return new DataDirError(
    `${dir} is used by another server${by}; stop that one, or name another directory (--data-dir)`,
  );
}

async function claimBySocket(dir: string): Promise<Claim['release']> {
  const { dev, ino } = statSync(dir);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((listening, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? inUse(dir) : error),
    );
    server.listen({ path: `\0${NAME}-data-${dev}-${ino}` }, listening);
  });
  server.unref();
  return () => new Promise((done) => server.close(() => done()));
}

function claimByFile(dir: string): Claim['release'] {
  const path = join(dir, OWNER_FILE);
  const owner = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
  if (owner > 0 && owner !== process.pid && isAlive(owner)) throw inUse(dir, ` (process ${owner})`);
  writeFileSync(path, String(process.pid));
  return async () => rmSync(path, { force: true });
}
