/** Which boot of the machine this is: another one may have lost what was not flushed. */
import { readFileSync } from 'node:fs';
import { hostname, uptime } from 'node:os';

/** Changes with every boot, and only then. */
export function bootOfMachine(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Elsewhere: the minute of the boot, which a clock set right at start may shift, for the safe side.
    return `${hostname()}@${Math.round((Date.now() / 1_000 - uptime()) / 60)}`;
  }
}
