/**
 * A worker's own users: entered in the store under its lease, and taken back when they have been
 * away for the grace time, so that a reconnect or a reload is neither seen nor written.
 *
 * Writes are gathered: one call for all that changed since the last. What the store refused is
 * written again, and after a lease that ended everything is.
 */
import type { UserId } from './identity.ts';
import { hereOf, NEVER_SEEN, type Here, type PresenceEntry, type PresenceRecord } from './presence.ts';
import type { Store } from './store.ts';
import type { PresenceChange } from './store-types.ts';

/** Users of one call. */
const STEP = 500;

export interface PresenceRollOptions {
  readonly graceMs: number;
  /** How long a lease lives without being renewed. */
  readonly leaseMs: number;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Ms since 1970. */
  readonly wallNow: () => number;
  readonly onWritten: (written: Written) => void;
  /** Something is to be written where nothing was. */
  readonly onDue?: (() => void) | undefined;
}

/** A user's entry, as it is in the store now. */
export interface Written {
  readonly user: UserId;
  readonly record: PresenceRecord;
  /** Whoever watches them may see another status. */
  readonly isSeen: boolean;
  /** They are there where they were nowhere, or nowhere any more. */
  readonly turned: 'online' | 'offline' | undefined;
}

interface Connection {
  readonly key: object;
  here: Here;
  /** Ms since 1970. */
  readonly since: number;
}

interface OnRoll {
  /** The oldest first. Nearly always one: a list is a quarter of a map. */
  readonly connections: Connection[];
  /** As the store has it under this lease; undefined: not. */
  written: PresenceEntry | undefined;
  /** As it was under the lease that ended, of who had left and is still shown; written anew under the next. */
  former: PresenceEntry | undefined;
  /** When the last connection went; undefined: there is one. By `now` and by `wallNow`. */
  left: { readonly at: number; readonly wallAt: number } | undefined;
  /** What is written may be of connections that were here before, until somebody counts. */
  isLoose: boolean;
}

export class PresenceRoll {
  readonly #store: Pick<Store, 'openLease' | 'renewLease' | 'enterPresence'>;
  readonly #options: PresenceRollOptions;
  readonly #users = new Map<UserId, OnRoll>();
  /** Those whose entry may have to be written. */
  #due = new Set<UserId>();
  /** Those who left, in that order. */
  readonly #leaving = new Set<UserId>();
  #lease: string | undefined;
  #opening: Promise<string> | undefined;
  #writing: Promise<void> | undefined;

  constructor(
    store: Pick<Store, 'openLease' | 'renewLease' | 'enterPresence'>,
    options: PresenceRollOptions,
  ) {
    this.#store = store;
    this.#options = options;
  }

  /** Under which its users are entered; undefined: nobody is. */
  get lease(): string | undefined {
    return this.#lease;
  }

  /** The lease, opened if there is none. */
  async open(): Promise<string> {
    if (this.#lease !== undefined) return this.#lease;
    // Whoever asks meanwhile waits for the same one.
    this.#opening ??= this.#store
      .openLease(this.#options.leaseMs)
      .then((lease) => (this.#lease = lease))
      .finally(() => {
        this.#opening = undefined;
      });
    return this.#opening;
  }

  get users(): number {
    return this.#users.size;
  }

  arrive(user: UserId, connection: object): void {
    const known = this.#users.get(user);
    const here: Connection = { key: connection, here: 'online', since: this.#options.wallNow() };
    if (known === undefined)
      this.#users.set(user, {
        connections: [here],
        written: undefined,
        former: undefined,
        left: undefined,
        isLoose: false,
      });
    else {
      known.connections.push(here);
      known.left = undefined;
      this.#leaving.delete(user);
    }
    this.#addDue(user);
  }

  set(user: UserId, connection: object, here: Here): void {
    const known = this.#users.get(user)?.connections.find(({ key }) => key === connection);
    if (known === undefined) return;
    known.here = here;
    this.#addDue(user);
  }

  leave(user: UserId, connection: object): void {
    const known = this.#users.get(user);
    const at = known?.connections.findIndex(({ key }) => key === connection) ?? -1;
    if (known === undefined || at < 0) return;
    known.connections.splice(at, 1);
    if (known.connections.length > 0) return void this.#due.add(user);
    known.left = { at: this.#options.now(), wallAt: this.#options.wallNow() };
    // Whoever is back within the grace time was never away, and nothing is written.
    known.isLoose = true;
    this.#leaving.add(user);
  }

  /** The user's connections are counted: what is written becomes what is here. Who has left is shown all the same. */
  count(user: UserId): void {
    const known = this.#users.get(user);
    if (known?.isLoose !== true) return;
    known.isLoose = false;
    this.#addDue(user);
  }

  /** Writes what changed and what has been away long enough. Rejects when the store does not answer. */
  async write(): Promise<void> {
    // What a turn has not taken is for the next.
    if (this.#writing !== undefined) return;
    this.#writing = this.#turn().finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  /** Resolves when everything is written that changed before. Rejects when the store does not answer. */
  async settle(): Promise<void> {
    await this.#writing;
    await (this.#writing ?? this.write());
  }

  async #turn(): Promise<void> {
    const due = [...this.#takeDue()];
    let at = 0;
    try {
      // A crowd that goes at once is no single step of the store.
      for (; at < due.length; at += STEP) await this.#write(due.slice(at, at + STEP));
    } catch (error) {
      for (const user of due.slice(at)) this.#due.add(user);
      throw error;
    }
  }

  #addDue(user: UserId): void {
    if (this.#due.size === 0) this.#options.onDue?.();
    this.#due.add(user);
  }

  /** Keeps the lease; a new one, with everybody entered anew, where it has ended. */
  async renew(): Promise<void> {
    if (this.#lease === undefined) return;
    const lease = this.#lease;
    if (await this.#store.renewLease(lease, this.#options.leaseMs)) return;
    this.#lease = undefined;
    const entered: UserId[] = [];
    for (const [user, known] of this.#users) {
      if (known.written !== undefined) entered.push(user);
      if (this.#leaving.has(user)) known.former = known.written ?? known.former;
      known.written = undefined;
      this.#due.add(user);
    }
    if (entered.length === 0) return this.write();
    await this.settle();
    // Whoever swept the old one did not see those that were entered since.
    for (let at = 0; at < entered.length; at += STEP) await this.#forget(lease, entered.slice(at, at + STEP));
  }

  /** This process goes: its users are given the grace time from now on. */
  async end(): Promise<void> {
    if (this.#lease !== undefined) await this.#store.renewLease(this.#lease, 0);
  }

  /** The lease ended while its users were entered: nobody may find them under it, and all are due anew. */
  async #takeBack(lease: string, changes: readonly PresenceChange[]): Promise<void> {
    for (const { user } of changes) this.#due.add(user);
    await this.#forget(
      lease,
      changes.map(({ user }) => user),
    );
  }

  async #forget(lease: string, users: readonly UserId[]): Promise<void> {
    const lastSeen = this.#options.wallNow();
    await this.#store.enterPresence(
      lease,
      users.map((user) => ({ user, entry: undefined, lastSeen })),
    );
  }

  #takeDue(): Set<UserId> {
    const due = this.#due;
    this.#due = new Set();
    const until = this.#options.now() - this.#options.graceMs;
    for (const user of this.#leaving) {
      const left = this.#users.get(user)?.left;
      if (left !== undefined && left.at > until) break;
      this.#leaving.delete(user);
      due.add(user);
    }
    return due;
  }

  async #write(due: readonly UserId[]): Promise<void> {
    const lease = await this.open();
    const changes: PresenceChange[] = [];
    for (const user of due) {
      const known = this.#users.get(user);
      if (known === undefined) continue;
      const isLeaving = this.#leaving.has(user);
      // Who came and went between two writes stays to be forgotten.
      const shown = known.written ?? known.former;
      const isWritten = known.isLoose && known.written !== undefined;
      if (isLeaving && (shown === undefined || isWritten)) continue;
      const entry = isLeaving && shown !== undefined ? { ...shown, sockets: 0 } : entryOf(known);
      if (entry !== undefined && isSame(entry, known.written)) continue;
      changes.push({ user, entry, lastSeen: known.left?.wallAt ?? this.#options.wallNow() });
    }
    if (changes.length === 0) return;
    const records = await this.#store.enterPresence(lease, changes);
    if (this.#lease !== lease) return this.#takeBack(lease, changes);
    for (const [i, { user, entry }] of changes.entries()) {
      const known = this.#users.get(user);
      const before = known?.written;
      if (known !== undefined) {
        known.written = entry;
        known.former = undefined;
      }
      if (entry === undefined && known?.connections.length === 0 && !this.#leaving.has(user))
        this.#users.delete(user);
      const record = records[i] ?? NEVER_SEEN;
      const isSeen = before?.here !== entry?.here;
      this.#options.onWritten({ user, record, isSeen, turned: turnOf(before, entry, record) });
    }
  }
}

function entryOf({ connections, written, isLoose }: OnRoll): PresenceEntry | undefined {
  const here = hereOf(connections.map((connection) => connection.here));
  const [oldest] = connections;
  return here === undefined || oldest === undefined
    ? undefined
    : { here, sockets: connections.length, since: (isLoose ? written?.since : undefined) ?? oldest.since };
}

/** By the entries of all leases: one that has ended counts until it is swept, which tells too. */
function turnOf(
  before: PresenceEntry | undefined,
  entry: PresenceEntry | undefined,
  { entries }: PresenceRecord,
): Written['turned'] {
  if (before === undefined && entry !== undefined) return entries.size === 1 ? 'online' : undefined;
  return before !== undefined && entry === undefined && entries.size === 0 ? 'offline' : undefined;
}

function isSame(a: PresenceEntry, b: PresenceEntry | undefined): boolean {
  return a.here === b?.here && a.sockets === b.sockets && a.since === b.since;
}
