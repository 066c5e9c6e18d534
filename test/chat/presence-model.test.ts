/**
 * Three devices of one user on three workers come and go in any order, workers are killed and
 * their stores go away: whoever watches is told what a simple model says (G8).
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { userId, type UserId } from '../../src/chat/identity.ts';
import { PresenceBoard } from '../../src/chat/presence-board.ts';
import { PresenceRoll } from '../../src/chat/presence-roll.ts';
import type { Leases, PresenceRecord } from '../../src/chat/presence.ts';
import type { PresenceChange } from '../../src/chat/store-types.ts';
import type { PresenceNews } from '../../src/chat/watching.ts';

const GRACE_MS = 5_000;
const STEP_MS = 100;
const ADA = userId('/', 'ada');
/** How long after what happened the watcher must have been told: a write, a look, a telling. */
const LAG_MS = 400;

class Store {
  readonly records = new Map<UserId, PresenceRecord>();
  readonly #alive = new Set<string>();
  readonly #ended = new Map<string, number>();
  readonly #now: () => number;
  #leases = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  async openLease(): Promise<string> {
    const lease = `lease${(this.#leases += 1)}`;
    this.#alive.add(lease);
    return lease;
  }

  async renewLease(lease: string): Promise<boolean> {
    return this.#alive.has(lease);
  }

  end(lease: string | undefined): void {
    if (lease !== undefined && this.#alive.delete(lease)) this.#ended.set(lease, this.#now());
  }

  async leases(): Promise<Leases> {
    return { alive: new Set(this.#alive), ended: new Map(this.#ended) };
  }

  async enterPresence(lease: string, changes: readonly PresenceChange[]): Promise<PresenceRecord[]> {
    return changes.map(({ user, entry, lastSeen }) => {
      const known = this.records.get(user) ?? { lastSeen: 0, entries: new Map() };
      const entries = new Map(known.entries);
      if (entry === undefined) entries.delete(lease);
      else entries.set(lease, entry);
      const record = {
        entries,
        lastSeen: entry === undefined ? Math.max(known.lastSeen, lastSeen) : known.lastSeen,
      };
      this.records.set(user, record);
      return record;
    });
  }

  async presence(users: readonly UserId[]): Promise<(PresenceRecord | undefined)[]> {
    return users.map((user) => this.records.get(user));
  }

  async memberNames(): Promise<string[]> {
    return [];
  }
}

type Action =
  | { readonly do: 'connect' | 'disconnect'; readonly device: number; readonly worker: number }
  | { readonly do: 'kill'; readonly worker: number }
  | { readonly do: 'wait'; readonly steps: number };

const index = fc.integer({ min: 0, max: 2 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('connect' as const), device: index, worker: index }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('disconnect' as const), device: index, worker: index }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), worker: index }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait' as const), steps: fc.integer({ min: 1, max: 80 }) }),
  },
);

class World {
  time = 1_000_000;
  readonly store = new Store(() => this.time);
  readonly board: PresenceBoard;
  readonly told: string[] = [];
  /** Of the worker a device is connected to. */
  readonly devices: (number | undefined)[] = [undefined, undefined, undefined];
  #rolls: PresenceRoll[];
  /** When the last device went; undefined: one is there. */
  goneAt: number | undefined = Number.NEGATIVE_INFINITY;
  cameAt = Number.NEGATIVE_INFINITY;
  /** As `goneAt`, whatever was killed since; undefined: none was ever there. */
  #leftAt: number | undefined;

  constructor() {
    this.#rolls = [0, 1, 2].map(() => this.#newRoll());
    this.board = new PresenceBoard(this.store, {
      graceMs: GRACE_MS,
      maxNamed: 10,
      maxPerWatcher: 10,
      maxWatched: 10,
      unknownAfterMs: 3_000,
      againMs: 1_000,
      now: () => this.time,
      wallNow: () => this.time,
    });
  }

  #newRoll(): PresenceRoll {
    return new PresenceRoll(this.store, {
      graceMs: GRACE_MS,
      leaseMs: 10_000,
      now: () => this.time,
      wallNow: () => this.time,
      onWritten: ({ user }) => this.board.hint(user),
    });
  }

  async watch(): Promise<void> {
    const tell = ({ users }: PresenceNews): void => {
      for (const { status } of users) this.told.push(status);
    };
    const [news] = (await this.board.watch({ userId: userId('/', 'me'), isClosed: false, tell }, [ADA], []))
      .users;
    this.told.push(news?.status ?? 'nothing');
  }

  async step(): Promise<void> {
    this.time += STEP_MS;
    for (const roll of this.#rolls) {
      await roll.renew();
      await roll.write();
    }
    await this.board.look();
    this.board.tell();
  }

  async run(next: Action): Promise<void> {
    if (next.do === 'wait') {
      for (let i = 0; i < next.steps; i += 1) {
        await this.step();
        this.check();
      }
      return;
    }
    if (next.do === 'connect') this.#connect(next.device, next.worker);
    else if (next.do === 'disconnect') this.#disconnect(next.device);
    else this.#kill(next.worker);
  }

  #connect(device: number, worker: number): void {
    this.#disconnect(device);
    this.devices[device] = worker;
    this.#rolls[worker]?.arrive(ADA, this.#connection(device));
    this.cameAt = this.goneAt === undefined ? this.cameAt : this.time;
    this.goneAt = undefined;
  }

  #disconnect(device: number): void {
    const worker = this.devices[device];
    if (worker === undefined) return;
    this.#rolls[worker]?.leave(ADA, this.#connection(device));
    this.#gone(device);
  }

  #kill(worker: number): void {
    this.store.end(this.#rolls[worker]?.lease);
    this.#rolls[worker] = this.#newRoll();
    for (const [device, at] of this.devices.entries()) if (at === worker) this.#gone(device);
    // Who was being given time there is given it anew, from the end of the lease.
    if (this.goneAt !== undefined) this.goneAt = Math.max(this.goneAt, this.time);
  }

  #gone(device: number): void {
    this.devices[device] = undefined;
    if (this.devices.some((at) => at !== undefined)) return;
    this.goneAt = this.time;
    this.#leftAt = this.time;
  }

  readonly #connections = [{}, {}, {}];
  #connection(device: number): object {
    return this.#connections[device] ?? {};
  }

  /** What a watcher must have been told by now, where that is certain. */
  check(): void {
    const last = this.told.at(-1);
    if (this.goneAt === undefined) {
      if (this.time - this.cameAt >= LAG_MS) expect(last).toBe('online');
    } else if (this.time - this.goneAt >= GRACE_MS + LAG_MS) expect(last).toBe('offline');
    else if (
      this.#leftAt !== undefined &&
      this.time - this.#leftAt < GRACE_MS &&
      this.#leftAt - this.cameAt >= LAG_MS
    )
      expect(last).toBe('online');
  }
}

test('whatever order devices come and go in, watchers are told what is so', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 40 }), async (actions) => {
      const world = new World();
      await world.watch();
      for (const next of actions) await world.run(next);
      await world.run({ do: 'wait', steps: 80 });
      // Never twice the same: nobody is told what they know.
      for (const [i, status] of world.told.entries()) if (i > 0) expect(status).not.toBe(world.told[i - 1]);
    }),
    { numRuns: 200 },
  );
});

test('who is dropped again and again and is back within the grace time is not told of', async () => {
  const world = new World();
  await world.watch();
  await world.run({ do: 'connect', device: 0, worker: 0 });
  await world.run({ do: 'wait', steps: 5 });
  for (let i = 0; i < 50; i += 1) {
    if (i % 3 === 0) await world.run({ do: 'kill', worker: world.devices[0] ?? 0 });
    else await world.run({ do: 'disconnect', device: 0, worker: 0 });
    await world.run({ do: 'wait', steps: 40 });
    await world.run({ do: 'connect', device: 0, worker: i % 3 });
    await world.run({ do: 'wait', steps: 5 });
  }
  expect(world.told).toEqual(['offline', 'online']);
});
