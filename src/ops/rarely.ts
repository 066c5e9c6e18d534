/** What may befall every request of an outage is told now and then, not each time. */
import type { Log } from './log.ts';

/** Warns at most once in `everyMs`; what comes in between is left out. */
export function rarely(log: Pick<Log, 'warn'>, everyMs: number): (event: object, message: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (event, message) => {
    const now = performance.now();
    if (now - last < everyMs) return;
    last = now;
    log.warn(event, message);
  };
}
