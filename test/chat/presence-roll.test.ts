/** A worker's own users, and what becomes of them when its lease ends at a bad moment. */
import { expect, test } from 'vitest';
import { userId, type UserId } from '../../src/chat/identity.ts';
import { PresenceRoll } from '../../src/chat/presence-roll.ts';
import type { PresenceRecord } from '../../src/chat/presence.ts';
import type { PresenceChange } from '../../src/chat/store-types.ts';

const ADA = userId('/', 'ada');

/** A store that enters when it is let. */
class SlowStore {
  leases = 0;
  isLost = false;
  readonly entered = new Map<UserId, Set<string>>();
  #release: (() => void)[] = [];

  async openLease(): Promise<string> {
    await Promise.resolve();
    this.leases += 1;
    return `lease${this.leases}`;
  }

  async renewLease(): Promise<boolean> {
    return !this.isLost;
  }

  async enterPresence(lease: string, changes: readonly PresenceChange[]): Promise<PresenceRecord[]> {
    await new Promise<void>((resolve) => this.#release.push(resolve));
    return changes.map(({ user, entry }) => {
      const leases = this.entered.get(user) ?? new Set();
      this.entered.set(user, leases);
      if (entry === undefined) leases.delete(lease);
      else leases.add(lease);
      return { lastSeen: 0, entries: new Map() };
    });
  }

  async go(): Promise<void> {
    for (let i = 0; i < 20; i += 1) {
      for (const release of this.#release.splice(0)) release();
      await Promise.resolve();
    }
  }
}

function scene(onDue?: () => void) {
  const store = new SlowStore();
  const clock = { time: 0 };
  const roll = new PresenceRoll(store, {
    graceMs: 5_000,
    leaseMs: 10_000,
    now: () => clock.time,
    wallNow: () => clock.time,
    onWritten: () => {},
    onDue,
  });
  const write = async (): Promise<void> => {
    const writing = roll.write();
    await store.go();
    await writing;
  };
  return { store, roll, clock, write };
}

test('a lease that ends while its users are entered leaves none of them out, and nobody under it', async () => {
  const { store, roll } = scene();
  roll.arrive(ADA, {});
  const writing = roll.write();
  await Promise.resolve();
  await Promise.resolve();
  expect(roll.lease).toBe('lease1');
  store.isLost = true;
  await roll.renew();
  store.isLost = false;
  await store.go();
  await writing;
  const again = roll.write();
  await store.go();
  await again;
  expect([...(store.entered.get(ADA) ?? [])]).toEqual(['lease2']);
});

test('users who were entered before their lease ended are entered under the new one', async () => {
  const { store, roll } = scene();
  roll.arrive(ADA, {});
  const writing = roll.write();
  await store.go();
  await writing;
  expect([...(store.entered.get(ADA) ?? [])]).toEqual(['lease1']);
  store.isLost = true;
  const renewing = roll.renew();
  await store.go();
  await renewing;
  // Whoever swept the old one need not have seen it.
  expect([...(store.entered.get(ADA) ?? [])]).toEqual(['lease2']);
  // Once is enough.
  store.entered.clear();
  const again = roll.write();
  await store.go();
  await again;
  expect(store.entered.size).toBe(0);
});

test('a reconnect within the grace time writes nothing, one after it does', async () => {
  const { store, roll, clock, write } = scene();
  const [before, after] = [{}, {}];
  roll.arrive(ADA, before);
  await write();
  store.entered.clear();
  roll.leave(ADA, before);
  clock.time = 4_000;
  roll.arrive(ADA, after);
  await write();
  clock.time = 20_000;
  await write();
  expect(store.entered.size).toBe(0);
  roll.leave(ADA, after);
  clock.time = 26_000;
  await write();
  expect([...(store.entered.get(ADA) ?? ['?'])]).toEqual([]);
  roll.arrive(ADA, {});
  await write();
  expect([...(store.entered.get(ADA) ?? [])]).toEqual(['lease1']);
});

test('counted, whoever has left has no connection, and whoever is back has the one that is here', async () => {
  const { store, roll, clock, write } = scene();
  const written: string[] = [];
  const enter = store.enterPresence.bind(store);
  store.enterPresence = (lease, changes) => {
    written.push(...changes.map(({ entry }) => (entry ? `${entry.sockets} since ${entry.since}` : 'gone')));
    return enter(lease, changes);
  };
  const connections = [{}, {}, {}];
  const step = async (time: number, ...does: (() => void)[]): Promise<string[]> => {
    clock.time = time;
    for (const one of does) one();
    await write();
    await write();
    return written.splice(0);
  };
  const arrive = (i: number) => (): void => roll.arrive(ADA, connections[i] ?? {});
  const leave = (i: number) => (): void => roll.leave(ADA, connections[i] ?? {});
  const count = (): void => roll.count(ADA);
  expect(await step(100, arrive(0), count)).toEqual(['1 since 100']);
  expect(await step(200, leave(0))).toEqual([]);
  // Still shown.
  expect(await step(300, count, count)).toEqual(['0 since 100']);
  expect(await step(400, arrive(1))).toEqual(['1 since 400']);
  // A reconnect that nobody counts is written as the one before.
  expect(await step(500, leave(1), arrive(2))).toEqual([]);
  expect(await step(600, count, count)).toEqual(['1 since 500']);
  expect(await step(700, leave(2), count)).toEqual(['0 since 500']);
  expect(await step(20_000)).toEqual(['gone']);
});

test('a crowd that comes at once is several steps of the store, and what failed of it is written again', async () => {
  const { store, roll, write } = scene();
  const steps: number[] = [];
  const enter = store.enterPresence.bind(store);
  store.enterPresence = (lease, changes) => {
    steps.push(changes.length);
    return steps.length === 2 ? Promise.reject(new Error('away')) : enter(lease, changes);
  };
  for (let i = 0; i < 1_200; i += 1) roll.arrive(userId('/', `u${i}`), {});
  await expect(write()).rejects.toThrow('away');
  await write();
  expect(steps).toEqual([500, 500, 500, 200]);
  expect(store.entered.size).toBe(1_200);
});

test('whoever asks for the lease while it is opened gets the same', async () => {
  const { store, roll } = scene();
  expect(await Promise.all([roll.open(), roll.open()])).toEqual(['lease1', 'lease1']);
  expect(await roll.open()).toBe('lease1');
  expect(store.leases).toBe(1);
});

test('who waits for everything to be written waits for what came during a write too', async () => {
  const { store, roll } = scene();
  const BOB = userId('/', 'bob');
  roll.arrive(ADA, {});
  const first = roll.write();
  roll.arrive(BOB, {});
  const settled = roll.settle().then(() => store.entered.has(BOB));
  await store.go();
  await first;
  await store.go();
  expect(await settled).toBe(true);
});

test('that something is due is told where nothing was, not of each user', async () => {
  let told = 0;
  const { store, roll } = scene(() => (told += 1));
  roll.arrive(ADA, {});
  roll.arrive(userId('/', 'bob'), {});
  expect(told).toBe(1);
  const written = roll.write();
  await store.go();
  await written;
  roll.arrive(userId('/', 'cem'), {});
  expect(told).toBe(2);
});

test('whoever left is shown for the grace time, also when the lease ends meanwhile', async () => {
  const { store, roll, clock, write } = scene();
  const connection = {};
  roll.arrive(ADA, connection);
  await write();
  clock.time = 1_000;
  roll.leave(ADA, connection);
  clock.time = 2_000;
  store.isLost = true;
  const renewing = roll.renew();
  await store.go();
  await renewing;
  store.isLost = false;
  expect([...(store.entered.get(ADA) ?? [])]).toEqual(['lease2']);
  clock.time = 5_900;
  await write();
  expect([...(store.entered.get(ADA) ?? [])]).toEqual(['lease2']);
  clock.time = 6_100;
  await write();
  expect([...(store.entered.get(ADA) ?? ['?'])]).toEqual([]);
  expect(roll.users).toBe(0);
});
