/** Entries that end a membership, and how whoever it was is told. */
import type { GoneReason } from '../protocol/words.ts';
import type { Entry } from './entry.ts';

/** By the action of a `system` entry. */
const REASONS = new Map<string, GoneReason>([
  ['left', 'left'],
  ['removed', 'kicked'],
  ['banned', 'banned'],
]);

/** Undefined: the entry ends no membership. */
export function endingOf({ system }: Entry): GoneReason | undefined {
  return system === undefined ? undefined : REASONS.get(system.action);
}

export function endedBy(entry: Entry, user: string): boolean {
  return entry.system?.user === user && endingOf(entry) !== undefined;
}
