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

/** To be called while nobody has the data open. */
export function recover(dir: string, path: string, { file, boot }: Origin): Recovered {
  const failed = join(dir, FAILED_FILE);
  const hasFailed = existsSync(failed);
  // A record of another file, or of one that was copied, says nothing about this one.
  const records = readRecords(dir).filter((record) => record.file === file);
  if (!hasFailed && records.some((record) => record.boot === boot)) return 'nothing';
  const [newest] = records.toSorted((a, b) => b.meta.commit - a.meta.commit);
  const isDone = newest !== undefined && putBack(path, newest.meta);
  // An older copy was written over the file: nothing that was recorded is about this content.
  if (!isDone) removeRecords(dir);
  if (hasFailed) {
    rmSync(failed);
    syncDirectory(dir);
  }
  if (!isDone) return 'nothing';
  return hasFailed ? 'failure' : 'boot';
}

function putBack(path: string, meta: Meta): boolean {
  const fd = openSync(path, 'r+');
  try {
    // What was recorded is on the disk, so the file's own newest commit cannot be older.
    if (readNewestMeta(fd).commit < meta.commit) return false;
    putBackMeta(fd, meta);
    fsyncSync(fd);
    return true;
  } finally {
    closeSync(fd);
  }
}
