/**
 * Faults for drills and tests (`CHAT_FAULTS`): what an adapter carries is dropped, delayed,
 * doubled or reordered by chance. Acts on the sending side, so both adapters behave alike.
 */
export interface AdapterFaults {
  /** Chances, 0…1. */
  readonly drop: number;
  readonly duplicate: number;
  readonly reorder: number;
  /** At most so many milliseconds late, each message by its own. */
  readonly delayMs: number;
}

/** How long a message picked for reordering is held, so that later ones pass it. */
const REORDER_MS = 20;

/** Calls `send` as often and as late as the faults say; in the same tick when there are none. */
export function withFaults(
  faults: AdapterFaults | undefined,
  random: () => number = Math.random,
): (send: () => void) => void {
  if (faults === undefined) return (send) => send();
  const { drop, duplicate, reorder, delayMs } = faults;
  return (send) => {
    if (random() < drop) return;
    const copies = random() < duplicate ? 2 : 1;
    for (let i = 0; i < copies; i += 1) {
      const lateMs = random() * delayMs + (random() < reorder ? random() * REORDER_MS : 0);
      if (lateMs === 0) send();
      else setTimeout(send, lateMs);
    }
  };
}
