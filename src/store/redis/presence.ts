/** Presence in Redis: leases by its clock, and users' entries under them. */
import { randomBytes } from 'node:crypto';
import type { UserId } from '../../chat/identity.ts';
import type { Here, Leases, PresenceEntry, PresenceRecord } from '../../chat/presence.ts';
import type { PresenceChange } from '../../chat/store-types.ts';
import { readMany } from './bulk.ts';
import { chunks, inWindows } from './chunks.ts';
import type { Keys } from './keys.ts';
import { PRESENCE_SCRIPTS } from './presence-scripts.ts';
import { listOf, textsOf } from './records.ts';
import type { RedisLink } from './redis-link.ts';

/** Users of one command. */
const STEP = 500;
/** Users of one script call; in a Cluster each is a call, its key is on one server. */
const ENTERS_AT_ONCE = 100;

const LETTERS = { online: 'o', away: 'a' } as const satisfies Record<Here, string>;

export class RedisPresence {
  readonly #link: RedisLink;
  readonly #keys: Keys;

  constructor(link: RedisLink, keys: Keys) {
    this.#link = link;
    this.#keys = keys;
  }

  async openLease(ttlMs: number): Promise<string> {
    const lease = randomBytes(8).toString('hex');
    await this.#link.run(PRESENCE_SCRIPTS.open, [this.#keys.leases], [lease, String(ttlMs)]);
    return lease;
  }

  async renewLease(lease: string, ttlMs: number): Promise<boolean> {
    return (await this.#link.run(PRESENCE_SCRIPTS.renew, [this.#keys.leases], [lease, String(ttlMs)])) === 1;
  }

  async claimRole(role: string, lease: string): Promise<boolean> {
    const keys = [this.#keys.leases, this.#keys.roles];
    return (await this.#link.run(PRESENCE_SCRIPTS.claim, keys, [role, lease])) === 1;
  }

  /** Redis and this process may tell the time differently: when a lease ended is told by our clock. */
  async leases(wallNow: number): Promise<Leases> {
    const [now, found] = listOf(await this.#link.run(PRESENCE_SCRIPTS.leases, [this.#keys.leases], []));
    const flat = textsOf(found);
    const alive = new Set<string>();
    const ended = new Map<string, number>();
    for (let i = 0; i + 1 < flat.length; i += 2) {
      const [lease = '', until] = [flat[i], Number(flat[i + 1])];
      if (until > Number(now)) alive.add(lease);
      else ended.set(lease, wallNow - (Number(now) - until));
    }
    return { alive, ended };
  }

  async enter(lease: string, changes: readonly PresenceChange[]): Promise<PresenceRecord[]> {
    const key = this.#keys.leaseUsers(lease);
    const [here, gone] = [
      changes.filter(({ entry }) => entry !== undefined),
      changes.filter(({ entry }) => entry === undefined),
    ];
    // Whoever sweeps the lease must find everybody it has entered.
    for (const part of chunks(here, STEP))
      await this.#link.send(key, ['SADD', key, ...part.map(({ user }) => user)]);
    const parts = chunks(changes, this.#link.isCluster ? 1 : ENTERS_AT_ONCE);
    const records = (await inWindows(parts, (part) => this.#enter(lease, part))).flat();
    for (const part of chunks(gone, STEP))
      await this.#link.send(key, ['SREM', key, ...part.map(({ user }) => user)]);
    return records;
  }

  async read(users: readonly UserId[]): Promise<(PresenceRecord | 'unknown' | undefined)[]> {
    const texts = await readMany(
      this.#link,
      users.map((user) => this.#keys.user(user, 'presence')),
    );
    return texts.map((text) => {
      if (text === undefined) return 'unknown';
      return text === null ? undefined : recordOf(text);
    });
  }

  async sweep(forMs: number, signal: AbortSignal, onGone: (user: UserId) => void): Promise<void> {
    const { ended } = await this.leases(Date.now());
    for (const [lease, endedAt] of ended)
      if (endedAt + forMs <= Date.now() && !signal.aborted) await this.#sweep(lease, endedAt, signal, onGone);
  }

  async #sweep(
    lease: string,
    endedAt: number,
    signal: AbortSignal,
    onGone: (user: UserId) => void,
  ): Promise<void> {
    const key = this.#keys.leaseUsers(lease);
    while (!signal.aborted) {
      const users = textsOf(await this.#link.send(key, ['SRANDMEMBER', key, String(STEP)])) as UserId[];
      if (users.length === 0) {
        await this.#link.send(this.#keys.leases, ['ZREM', this.#keys.leases, lease]);
        return;
      }
      const lastSeen = Math.round(endedAt);
      const changes = users.map((user) => ({ user, entry: undefined, lastSeen }));
      const records = await this.enter(lease, changes);
      for (const [i, user] of users.entries()) if (records[i]?.entries.size === 0) onGone(user);
    }
  }

  async #enter(lease: string, changes: readonly PresenceChange[]): Promise<PresenceRecord[]> {
    const keys = changes.map(({ user }) => this.#keys.user(user, 'presence'));
    const args = changes.flatMap(({ entry, lastSeen }) => [
      entry === undefined ? '' : entryText(entry),
      String(lastSeen),
    ]);
    return textsOf(await this.#link.run(PRESENCE_SCRIPTS.enter, keys, [lease, ...args])).map(recordOf);
  }
}

/** `<o or a><sockets>@<since>` */
function entryText({ here, sockets, since }: PresenceEntry): string {
  return `${LETTERS[here]}${sockets}@${Math.round(since)}`;
}

function entryOf(text: string): PresenceEntry {
  const [sockets, since] = text.slice(1).split('@');
  return {
    here: text.startsWith(LETTERS.away) ? 'away' : 'online',
    sockets: Number(sockets),
    since: Number(since),
  };
}

function recordOf(text: string): PresenceRecord {
  const [lastSeen, ...entries] = text.split(' ');
  return {
    lastSeen: Number(lastSeen),
    entries: new Map(
      entries.map((part): [string, PresenceEntry] => {
        const [lease = '', entry = ''] = part.split('=');
        return [lease, entryOf(entry)];
      }),
    ),
  };
}
