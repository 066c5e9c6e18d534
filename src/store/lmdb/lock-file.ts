/** LMDB's lock file, in which all processes that have the data open share a few numbers. */
import { fstatSync, openSync, statSync } from 'node:fs';

/**
 * Never closed: closing any descriptor of a file gives up all locks of this process on it, and
 * LMDB's tell others that the data is in use.
 */
const opened = new Map<string, number>();

/** This process's descriptor of it. Another file that came in its place has another. */
export function lockFile(path: string): number {
  const known = opened.get(path);
  if (known !== undefined && fstatSync(known).ino === statSync(path).ino) return known;
  const fd = openSync(path, 'r+');
  opened.set(path, fd);
  return fd;
}
