/** LMDB's lock file, in which all processes that have the data open share a few numbers. */
import { openSync } from 'node:fs';

/**
 * Never closed: closing any descriptor of a file gives up all locks of this process on it, and
 * LMDB's tell others that the data is in use.
 */
const opened = new Map<string, number>();

/** The descriptor of this process for it. */
export function lockFile(path: string): number {
  const known = opened.get(path);
  if (known !== undefined) return known;
  const fd = openSync(path, 'r+');
  opened.set(path, fd);
  return fd;
}
