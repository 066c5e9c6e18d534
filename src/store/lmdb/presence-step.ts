/**
 * Presence in LMDB: leases of processes, and users' entries under them.
 *
 * All processes are on one machine, so a lease lives as long as its process does: nothing has to
 * be renewed, and a worker that was killed is gone at once. Nothing here waits for a flush: what
 * a crash of the machine takes ended with it.
 */
import { readFileSync } from 'node:fs';
import type { UserId } from '../../chat/identity.ts';
import type { Leases, PresenceRecord } from '../../chat/presence.ts';
import type { PresenceChange } from '../../chat/store-types.ts';
import { isAlive } from './alive.ts';
import type { Environment } from './environment.ts';
import type { LeaseRecord, PresenceEntries } from './records.ts';

/** How often a lease says that it lives, for whoever finds it after a crash of all. */
const SEEN_EVERY_MS = 30_000;
/** Entries that are taken back in one step. */
export const SWEEP_STEP = 500;

export function openLease(env: Environment, lease: string, now: number): void {
  void env.leases.put(lease, { ...ownProcess(), boot: env.boot, seenAt: now });
}

export function endLease(env: Environment, lease: string, now: number): void {
  const record = env.leases.get(lease);
  if (record !== undefined) void env.leases.put(lease, { ...record, endedAt: now });
}

/** Undefined: it has ended; true: it has to say that it lives, by `openLease`. */
export function leaseIsDue(env: Environment, lease: string, now: number): boolean | undefined {
  const record = env.leases.get(lease);
  if (record === undefined || record.endedAt !== undefined) return undefined;
  return record.seenAt + SEEN_EVERY_MS <= now;
}

/** How late a lease may be in saying that it lives. */
const SEEN_LATE_MS = 3_000;

/** `before`: what this process saw the last time, since a lease does not say when it ended. */
export function readLeases(env: Environment, before: Leases, now: number): Leases {
  const living = new Set<string>();
  const over = new Map<string, number>();
  for (const { key, value } of env.leases.getRange({})) {
    if (isLiving(env, value)) living.add(key);
    else
      over.set(key, value.endedAt ?? before.ended.get(key) ?? endOf(env, value, before.alive.has(key), now));
  }
  return { alive: living, ended: over };
}

/**
 * One that was seen alive has ended just now. Of another the last sign of life is known, and that
 * the next one did not come: a process that began since must not take those who are given time
 * to come back for gone.
 */
function endOf(env: Environment, { boot, seenAt }: LeaseRecord, wasAlive: boolean, now: number): number {
  if (wasAlive) return now;
  return boot === env.boot ? Math.min(now, seenAt + SEEN_EVERY_MS + SEEN_LATE_MS) : seenAt;
}

/** True: this lease has the role now. */
export function claimRole(env: Environment, role: string, lease: string): boolean {
  const holder = env.roles.get(role);
  if (holder === lease) return true;
  const record = holder === undefined ? undefined : env.leases.get(holder);
  if (record !== undefined && isLiving(env, record)) return false;
  void env.roles.put(role, lease);
  return true;
}

export function isLiving(env: Environment, { pid, startedAt, boot, endedAt }: LeaseRecord): boolean {
  return endedAt === undefined && boot === env.boot && isAlive(pid) && startTimeOf(pid) === startedAt;
}

export function enterPresence(
  env: Environment,
  lease: string,
  changes: readonly PresenceChange[],
): PresenceRecord[] {
  return changes.map(({ user, entry, lastSeen }) => {
    const record = env.presence.get(user) ?? { lastSeen: 0, entries: {} };
    if (entry === undefined) {
      delete record.entries[lease];
      record.lastSeen = Math.max(record.lastSeen, lastSeen);
      void env.holds.remove([lease, user]);
    } else {
      record.entries[lease] = entry;
      void env.holds.put([lease, user], 1);
    }
    void env.presence.put(user, record);
    return toRecord(record);
  });
}

export function readPresence(env: Environment, user: UserId): PresenceRecord | undefined {
  const record = env.presence.get(user);
  return record === undefined ? undefined : toRecord(record);
}

function toRecord({ lastSeen, entries }: PresenceEntries): PresenceRecord {
  return { lastSeen, entries: new Map(Object.entries(entries)) };
}

export interface Swept {
  /** False: the lease had no more, and is forgotten. */
  readonly isMore: boolean;
  /** Those who are nowhere now. */
  readonly gone: readonly UserId[];
}

/** One step. */
export function sweepLease(env: Environment, lease: string, endedAt: number): Swept {
  const users = [
    ...env.holds.getKeys({
      start: [lease, '' as UserId],
      end: [lease, '\uffff' as UserId],
      limit: SWEEP_STEP,
    }),
  ];
  const changes = users.map(([, user]) => ({ user, entry: undefined, lastSeen: endedAt }));
  const records = enterPresence(env, lease, changes);
  const gone = changes.filter((_, i) => records[i]?.entries.size === 0).map(({ user }) => user);
  const isMore = users.length === SWEEP_STEP;
  if (!isMore) void env.leases.remove(lease);
  return { isMore, gone };
}

function ownProcess(): Pick<LeaseRecord, 'pid' | 'startedAt'> {
  return { pid: process.pid, startedAt: startTimeOf(process.pid) ?? 0 };
}

/** In the kernel's ticks since the boot, where it tells (proc(5), field 22): a pid is given again. */
function startTimeOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name before may hold spaces and brackets.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return 0;
  }
}
