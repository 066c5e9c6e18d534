/** Leases, who is there under them, and who has a role. */
import { randomBytes } from 'node:crypto';
import type { UserId } from '../../chat/identity.ts';
import type { Leases, PresenceRecord } from '../../chat/presence.ts';
import type { PresenceChange } from '../../chat/store-types.ts';
import type { LmdbData } from './lmdb-data.ts';
import {
  claimRole,
  endLease,
  enterPresence,
  leaseIsDue,
  openLease,
  readLeases,
  readPresence,
  sweepLease,
} from './presence-step.ts';

export class LmdbPresence {
  readonly #data: LmdbData;
  /** As they were at the last look. */
  #leases: Leases = { alive: new Set(), ended: new Map() };

  constructor(data: LmdbData) {
    this.#data = data;
  }

  async openLease(): Promise<string> {
    const { env, now } = this.#data;
    const lease = randomBytes(8).toString('hex');
    await this.#data.note(() => openLease(env, lease, now()));
    return lease;
  }

  async renewLease(lease: string, ttlMs: number): Promise<boolean> {
    const { env, now } = this.#data;
    if (ttlMs === 0) {
      await this.#data.note(() => endLease(env, lease, now()));
      return false;
    }
    const isDue = this.#data.read(() => leaseIsDue(env, lease, now()));
    if (isDue === true) await this.#data.note(() => openLease(env, lease, now()));
    return isDue !== undefined;
  }

  leases(): Leases {
    const { env, now } = this.#data;
    this.#leases = this.#data.read(() => readLeases(env, this.#leases, now()));
    return this.#leases;
  }

  enter(lease: string, changes: readonly PresenceChange[]): Promise<PresenceRecord[]> {
    return this.#data.note(() => enterPresence(this.#data.env, lease, changes));
  }

  read(users: readonly UserId[]): (PresenceRecord | undefined)[] {
    return this.#data.read(() => users.map((user) => readPresence(this.#data.env, user)));
  }

  async sweep(forMs: number, signal: AbortSignal, onGone: (user: UserId) => void): Promise<void> {
    for (const [lease, endedAt] of this.leases().ended) {
      if (endedAt + forMs > this.#data.now()) continue;
      let isMore = true;
      while (isMore && !signal.aborted) {
        const swept = await this.#data.note(() => sweepLease(this.#data.env, lease, endedAt));
        for (const user of swept.gone) onGone(user);
        isMore = swept.isMore;
      }
    }
  }

  async claimRole(role: string, lease: string): Promise<boolean> {
    const { env } = this.#data;
    if (this.#data.read(() => env.roles.get(role)) === lease) return true;
    return this.#data.note(() => claimRole(env, role, lease));
  }
}
