/**
 * A room's batch as text between workers, and cutting it where a feed stands.
 *
 * One header line `<epoch> <first seq>`, then a line an entry: `s` (system), `d` (delete) or
 * `m`, and its JSON, which has no newline. Text that is none of this is refused, never trusted.
 */
import { entryOf, type Entry } from './entry.ts';
import type { Batch } from './store-types.ts';

export function encodeBatch(batch: Batch): string {
  const lines = [`${batch.epoch} ${batch.entries[0]?.seq ?? 0}`];
  for (const entry of batch.entries) lines.push(markOf(entry) + entry.json);
  return lines.join('\n');
}

function markOf({ system, erases }: Entry): string {
  if (system !== undefined) return 's';
  return erases === true ? 'd' : 'm';
}

/** Undefined: not a batch. */
export function decodeBatch(body: string): Batch | undefined {
  const lines = body.split('\n');
  const header = /^(\S{1,64}) (\d{1,15})$/.exec(lines[0] ?? '');
  if (header?.[1] === undefined || lines.length < 2) return undefined;
  const first = Number(header[2]);
  const entries: Entry[] = [];
  for (let i = 1; i < lines.length; i += 1) {
    const line = lines[i] ?? '';
    const json = line.slice(1);
    const seq = first + i - 1;
    const mark = line[0];
    if (mark !== 'm' && mark !== 's' && mark !== 'd') return undefined;
    entries.push(entryOf(seq, json, mark));
  }
  return { epoch: header[1], entries };
}

/** The entries with a seq above `seq`; the same array when that is all of them. */
export function entriesAfter(entries: readonly Entry[], seq: number): readonly Entry[] {
  const first = entries[0]?.seq;
  if (first === undefined || first > seq) return entries;
  return entries.slice(seq - first + 1);
}

/** The array of a `messages` event, as JSON. */
export function messagesJson(entries: readonly Entry[]): string {
  return `[${entries.map((entry) => entry.json).join(',')}]`;
}
