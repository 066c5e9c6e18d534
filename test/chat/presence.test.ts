/** What a user's record and the leases come to. */
import { expect, test } from 'vitest';
import {
  hereOf,
  NEVER_SEEN,
  oldestOf,
  presenceOf,
  socketsOf,
  type Here,
  type Leases,
  type PresenceRecord,
} from '../../src/chat/presence.ts';

const NOW = 1_000_000;
const GRACE = 5_000;

function leases(alive: string[], ended: Record<string, number> = {}): Leases {
  return { alive: new Set(alive), ended: new Map(Object.entries(ended)) };
}

function record(entries: Record<string, Here>, lastSeen = 0): PresenceRecord {
  const whole = Object.entries(entries).map(
    ([lease, here], i) => [lease, { here, sockets: i + 1, since: 100 - i }] as const,
  );
  return { lastSeen, entries: new Map(whole) };
}

function of(entries: Record<string, Here>, lastSeen: number, at: Leases) {
  return presenceOf(record(entries, lastSeen), at, GRACE, NOW);
}

test('who was never seen is offline', () => {
  expect(presenceOf(NEVER_SEEN, leases(['a']), GRACE, NOW)).toEqual({ status: 'offline', lastSeen: 0 });
});

test('who is online anywhere is online; away only who is away everywhere', () => {
  expect(of({ a: 'away', b: 'online' }, 0, leases(['a', 'b']))).toEqual({ status: 'online', lastSeen: NOW });
  expect(of({ a: 'away', b: 'away' }, 0, leases(['a', 'b'])).status).toBe('away');
  expect(of({ a: 'online', b: 'away' }, 0, leases(['b'], { a: NOW - 1 })).status).toBe('away');
});

test('whose lease ended has the grace time to come back, as what they were', () => {
  expect(of({ a: 'away' }, 0, leases([], { a: NOW - 4_000 }))).toEqual({
    status: 'away',
    lastSeen: NOW,
    forMs: 1_000,
  });
  expect(of({ a: 'online' }, 0, leases([], { a: NOW - 5_000 }))).toEqual({
    status: 'offline',
    lastSeen: NOW - 5_000,
  });
});

test('a lease that nobody knows any more has ended long ago', () => {
  expect(of({ a: 'online' }, 7, leases(['b']))).toEqual({ status: 'offline', lastSeen: 7 });
});

test('who was taken back is offline at once: they had their grace before', () => {
  expect(of({}, NOW - 1, leases(['a']))).toEqual({ status: 'offline', lastSeen: NOW - 1 });
});

test('a worker’s entry is online where one connection is', () => {
  expect(hereOf([])).toBeUndefined();
  expect(hereOf(['away', 'away'])).toBe('away');
  expect(hereOf(['away', 'online'])).toBe('online');
});

test('of all connections those count whose lease lives, and one of them is the oldest', () => {
  const of = record({ a: 'online', b: 'away', c: 'online' });
  expect(socketsOf(of, leases(['a', 'b', 'c']))).toBe(6);
  expect(socketsOf(of, leases(['a', 'b']))).toBe(3);
  expect(oldestOf(of, leases(['a', 'b', 'c']))).toBe('c');
  expect(oldestOf(of, leases(['a', 'b']))).toBe('b');
  expect(oldestOf(of, leases([]))).toBeUndefined();
  // Who has left, and is still shown, has no connection that could be closed.
  const entries = new Map(of.entries).set('c', { here: 'online', sockets: 0, since: 1 });
  expect(oldestOf({ ...of, entries }, leases(['a', 'b', 'c']))).toBe('b');
});
