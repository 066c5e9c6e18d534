/**
 * After a crash of the machine, or a flush that failed: the newest commit that is on the disk for
 * sure (flushed-record.ts) becomes the newest of the data file.
 *
 * Everything acknowledged is in it. What came after it was handed on at most, and the rooms'
 * new epochs say so (G12).
 */
import { closeSync, existsSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readRecords, removeRecords, syncDirectory, type Origin } from './flushed-record.ts';
import { putBackMeta, readNewestMeta, type Meta } from './meta-page.ts';

/** There while what was written since the newest record cannot be relied on. */
export const FAILED_FILE = 'flush-failed';

/** What a recovery did: nothing, after another boot, or after a flush that failed. */
export type Recovered = 'nothing' | 'boot' | 'failure';

/** To be called while nobody has the data open. `onForeign`: an older copy was written over the data. */
export function recover(
  dir: string,
  path: string,
  { file, boot }: Origin,
  onForeign: () => void = () => {},
): Recovered {
  const failed = join(dir, FAILED_FILE);
  const hasFailed = existsSync(failed);
  // A record of another file, or of one that was copied, says nothing about this one.
  const records = readRecords(dir).filter((record) => record.file === file);
  const present = records.length === 0 ? -1 : newestOf(path);
  // What was recorded was in the file: one that is newer is of other content, over which an
  // older copy was written.
  const foreign = records.filter(({ meta }) => meta.commit > present).map(({ name }) => name);
  // Before what tells of it goes: whatever interrupts this, the next start finds it again.
  if (foreign.length > 0) onForeign();
  removeRecords(dir, foreign);
  const newest = records
    .filter(({ name }) => !foreign.includes(name))
    .toSorted(
      (a, b) => b.meta.commit - a.meta.commit || Number(b.boot === boot) - Number(a.boot === boot),
    )[0];
  const isNeeded = newest !== undefined && (hasFailed || newest.boot !== boot);
  if (isNeeded) putBack(path, newest.meta);
  if (hasFailed) {
    rmSync(failed);
    syncDirectory(dir);
  }
  if (!isNeeded) return 'nothing';
  return hasFailed ? 'failure' : 'boot';
}

function newestOf(path: string): number {
  const fd = openSync(path, 'r');
  try {
    return readNewestMeta(fd).commit;
  } finally {
    closeSync(fd);
  }
}

function putBack(path: string, meta: Meta): void {
  const fd = openSync(path, 'r+');
  try {
    putBackMeta(fd, meta);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
