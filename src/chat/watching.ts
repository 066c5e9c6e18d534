/** One socket that watches presence: what it watches, and what it is still to be told. */
import type { PresenceStatus, UserPresence } from '../protocol/words.ts';
import type { RoomId, UserId } from './identity.ts';

export interface Watcher {
  readonly userId: UserId;
  readonly isClosed: boolean;
  tell(news: PresenceNews): void;
}

/** A `presence` event, or the answer to a watch. */
export interface PresenceNews {
  readonly users: readonly UserPresence[];
  /** Of rooms whose members are not named: how many are there. */
  readonly counts?: Readonly<Record<string, number>>;
}

export class Watching {
  readonly watcher: Watcher;
  /** How often each user is among what it watches. */
  readonly users = new Map<UserId, number>();
  readonly rooms = new Set<RoomId>();
  /** What they were before this, and is to be told. */
  readonly changed = new Map<UserId, PresenceStatus>();
  readonly counted = new Set<RoomId>();
  /** Whoever asked has the answer; until then nothing is told. */
  isAnswered = false;

  constructor(watcher: Watcher) {
    this.watcher = watcher;
  }
}
