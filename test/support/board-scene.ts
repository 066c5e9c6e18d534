/** A presence board against a store of maps, with time in hand. */
import { roomId, userId, type UserId } from '../../src/chat/identity.ts';
import { PresenceBoard } from '../../src/chat/presence-board.ts';
import type { Here, Leases, PresenceRecord } from '../../src/chat/presence.ts';
import { StoreUnavailable } from '../../src/chat/store-unavailable.ts';
import type { PresenceNews, Watcher } from '../../src/chat/watching.ts';

export const ROOM = roomId('/', 'room');
export const user = (name: string): UserId => userId('/', name);

export class BoardScene {
  time = 1_000;
  isAway = false;
  reads = 0;
  memberReads = 0;
  /** What the next list of members waits for, once it was read. */
  held: Promise<void> | undefined;
  /** Happens once, right behind the next answer. */
  meanwhile: (() => void) | undefined;
  /** Whose part of the store does not answer. */
  readonly silent = new Set<UserId>();
  readonly members: string[] = [];
  readonly records = new Map<UserId, PresenceRecord>();
  leases: Leases = { alive: new Set(['a', 'b']), ended: new Map() };
  readonly board: PresenceBoard;

  constructor(more: { maxPerWatcher?: number; maxWatched?: number } = {}) {
    const answer = <T>(value: () => T): Promise<T> => {
      if (this.isAway) return Promise.reject(new StoreUnavailable('away'));
      const given = value();
      const { meanwhile } = this;
      this.meanwhile = undefined;
      meanwhile?.();
      return Promise.resolve(given);
    };
    this.board = new PresenceBoard(
      {
        leases: () => answer(() => this.leases),
        presence: (users) =>
          answer(() => {
            this.reads += users.length;
            return users.map((one) => (this.silent.has(one) ? 'unknown' : this.records.get(one)));
          }),
        memberNames: async (_, after, limit) => {
          const { held } = this;
          this.held = undefined;
          const names = await answer(() => {
            this.memberReads += 1;
            return this.members
              .toSorted()
              .filter((name) => after === undefined || name > after)
              .slice(0, limit);
          });
          await held;
          return names;
        },
      },
      {
        graceMs: 5_000,
        maxNamed: 3,
        maxPerWatcher: 10,
        maxWatched: 20,
        unknownAfterMs: 3_000,
        againMs: 1_000,
        now: () => this.time,
        wallNow: () => 1_000_000 + this.time,
        ...more,
      },
    );
  }

  enter(name: string, lease: string, here: Here | undefined): void {
    const entries = new Map(this.records.get(user(name))?.entries);
    if (here === undefined) entries.delete(lease);
    else entries.set(lease, { here, sockets: 1, since: 0 });
    this.records.set(user(name), { lastSeen: 77, entries });
  }

  watcher(name = 'me'): Watcher & { readonly told: PresenceNews[]; isClosed: boolean } {
    const told: PresenceNews[] = [];
    return { userId: user(name), isClosed: false, told, tell: (news) => told.push(news) };
  }

  async look(ms = 100): Promise<void> {
    this.time += ms;
    await this.board.look();
    this.board.tell();
  }
}

export const statuses = ({ users }: PresenceNews): string[] =>
  users.map((one) => `${one.user} ${one.status}`);
