/**
 * Who is there (G8). Pure: what a user's record and the leases say is one status, whoever asks.
 *
 * Each worker holds a **lease** and enters its users under it. An entry counts as long as its
 * lease lives; a worker that was killed takes nothing back, its lease just ends. So presence is
 * never counted up and down, and cannot drift.
 */

import type { PresenceStatus } from '../protocol/words.ts';

/** What a connection, a worker's entry, and in the end a user is. */
export type Here = 'online' | 'away';

/** A user's connections on one worker. */
export interface PresenceEntry {
  readonly here: Here;
  readonly sockets: number;
  /** When the oldest of them came; ms since 1970. */
  readonly since: number;
}

/** What the store keeps of a user. */
export interface PresenceRecord {
  /** When the last entry was taken back; ms since 1970, 0: never. */
  readonly lastSeen: number;
  /** By lease. */
  readonly entries: ReadonlyMap<string, PresenceEntry>;
}

export const NEVER_SEEN: PresenceRecord = { lastSeen: 0, entries: new Map() };

/** What the store says of the leases: those that live, and those that ended and are not swept yet. */
export interface Leases {
  readonly alive: ReadonlySet<string>;
  /** When each ended; ms since 1970. */
  readonly ended: ReadonlyMap<string, number>;
}

export interface Presence {
  readonly status: PresenceStatus;
  /** For who is there: now. */
  readonly lastSeen: number;
  /** The status holds at most so long by itself: a user whose lease ended is given time to come back. */
  readonly forMs?: number;
}

/** `now`: ms since 1970. A user of a lease that ended stays what they were for `graceMs`. */
export function presenceOf(
  { lastSeen, entries }: PresenceRecord,
  { alive, ended }: Leases,
  graceMs: number,
  now: number,
): Presence {
  let here: Here | undefined;
  let before: Here | undefined;
  let seen = lastSeen;
  for (const [lease, entry] of entries) {
    if (alive.has(lease)) here = more(here, entry.here);
    else {
      // One that is not known any more has ended long ago; whoever sweeps it writes when.
      seen = Math.max(seen, ended.get(lease) ?? 0);
      before = more(before, entry.here);
    }
  }
  if (here !== undefined) return { status: here, lastSeen: now };
  const left = seen + graceMs - now;
  if (before !== undefined && left > 0) return { status: before, lastSeen: now, forMs: left };
  return { status: 'offline', lastSeen: seen };
}

/** Somebody who is online anywhere is online. */
function more(a: Here | undefined, b: Here): Here {
  return a === 'online' || b === 'online' ? 'online' : 'away';
}

/** All of a user's connections. */
export function socketsOf({ entries }: PresenceRecord, { alive }: Leases): number {
  let sockets = 0;
  for (const [lease, entry] of entries) if (alive.has(lease)) sockets += entry.sockets;
  return sockets;
}

/** The lease that has the user's oldest connection; undefined: there is none. */
export function oldestOf({ entries }: PresenceRecord, { alive }: Leases): string | undefined {
  let oldest: readonly [string, PresenceEntry] | undefined;
  for (const [lease, entry] of entries) {
    // Who has left, and is still shown, has none.
    if (!alive.has(lease) || entry.sockets === 0) continue;
    if (oldest === undefined || entry.since < oldest[1].since) oldest = [lease, entry];
  }
  return oldest?.[0];
}

/** What a user's connections on one worker come to; undefined: there are none. */
export function hereOf(connections: Iterable<Here>): Here | undefined {
  let here: Here | undefined;
  for (const connection of connections) here = more(here, connection);
  return here;
}
