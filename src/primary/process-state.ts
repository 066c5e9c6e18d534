/** What the kernel says of a process. */
import { readFileSync } from 'node:fs';

/**
 * Whether it is where no signal reaches it, as a rule for a disk that stands still (a snapshot,
 * a dead network file system): ending it would come true only when it could go on. False where
 * there is no /proc.
 */
export function isUninterruptible(pid: number): boolean {
  try {
    return stateOf(readFileSync(`/proc/${pid}/stat`, 'latin1')) === 'D';
  } catch {
    return false;
  }
}

/** The letter behind the name, which is in brackets and may hold some itself; proc_pid_stat(5). */
export function stateOf(stat: string): string {
  return stat.charAt(stat.lastIndexOf(')') + 2);
}
