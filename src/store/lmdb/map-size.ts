/**
 * How many bytes of addresses the data file is mapped into. Addresses, not memory: with too few
 * the map would be made anew while the file grows, which two threads of a process may do at once
 * (mdb_env_map sets `me_map` before `me_metas`). With more than the process may have, lmdb-js
 * crashes instead of saying so.
 */
import { readFileSync } from 'node:fs';

const MAX_BYTES = 2 ** 40;
/** The rest is for everything else, and for what other maps leave between them. */
const SHARE = 4;

/** A power of two. */
export function mapBytes(): number {
  const room = Math.min(addressLimit(), addressSpace()) / SHARE;
  return room >= MAX_BYTES ? MAX_BYTES : 2 ** Math.floor(Math.log2(room));
}

/** `RLIMIT_AS`. */
function addressLimit(): number {
  const [, bytes] = /^Max address space\s+(\d+)/m.exec(readProc('limits')) ?? [];
  return bytes === undefined ? Number.POSITIVE_INFINITY : Number(bytes);
}

/** What the machine has: the stack is at its end (2^47 on x64, 2^39 on some arm64). */
function addressSpace(): number {
  const [, end] = /^[\da-f]+-([\da-f]+) .*\[stack\]$/m.exec(readProc('maps')) ?? [];
  return end === undefined ? Number.POSITIVE_INFINITY : Number.parseInt(end, 16);
}

/** Empty where there is no /proc: then no such limit is known. */
function readProc(name: string): string {
  try {
    return readFileSync(`/proc/self/${name}`, 'utf8');
  } catch {
    return '';
  }
}
