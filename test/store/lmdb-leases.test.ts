/** Whether a lease's process lives, as the machine tells it. */
import { expect, test } from 'vitest';
import type { Environment } from '../../src/store/lmdb/environment.ts';
import { endLease, isLiving, openLease, readLeases } from '../../src/store/lmdb/presence-step.ts';
import type { LeaseRecord } from '../../src/store/lmdb/records.ts';

/** The record of a lease of this very process. */
function scene() {
  const leases = new Map<string, LeaseRecord>();
  const env = {
    boot: 'one',
    leases: {
      get: (lease: string) => leases.get(lease),
      put: (lease: string, record: LeaseRecord) => leases.set(lease, record),
      getRange: () => Array.from(leases, ([key, value]) => ({ key, value })),
    },
  } as unknown as Environment;
  const record = (): LeaseRecord => {
    const found = leases.get('lease');
    if (found === undefined) throw new Error('no lease');
    return found;
  };
  openLease(env, 'lease', 1_000);
  return { env, record };
}

test('a lease lives with its process, until it is ended', () => {
  const { env, record } = scene();
  expect(isLiving(env, record())).toBe(true);
  endLease(env, 'lease', 2_000);
  expect(record()).toMatchObject({ endedAt: 2_000 });
  expect(isLiving(env, record())).toBe(false);
});

test('a process that was given the pid of a dead one does not keep its lease alive', () => {
  const { env, record } = scene();
  const { startedAt } = record();
  expect(isLiving(env, { ...record(), startedAt: startedAt - 1 })).toBe(false);
  expect(isLiving(env, { ...record(), startedAt: startedAt + 1 })).toBe(false);
});

test('a lease of before another boot of the machine has ended, whoever has its pid now', () => {
  const { env, record } = scene();
  expect(isLiving(env, { ...record(), boot: 'another' })).toBe(false);
});

test('a process that began after another was killed does not take those for long gone', () => {
  const { env, record } = scene();
  // Another process has the pid.
  void env.leases.put('lease', { ...record(), startedAt: record().startedAt - 1 });
  const nothing = { alive: new Set<string>(), ended: new Map<string, number>() };
  const first = readLeases(env, nothing, 26_000);
  expect(first.ended.get('lease')).toBe(26_000);
  expect(readLeases(env, first, 30_000).ended.get('lease')).toBe(26_000);
  // It would have said that it lives.
  expect(readLeases(env, nothing, 100_000).ended.get('lease')).toBe(34_000);
  void env.leases.put('lease', { ...record(), boot: 'another' });
  expect(readLeases(env, nothing, 26_000).ended.get('lease')).toBe(1_000);
});
