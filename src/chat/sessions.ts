/**
 * All sessions of one worker, by user, and how they learn of memberships that change elsewhere.
 *
 * Hints (`Notice` `index`) make it fast, the version of each user's index, read from the store
 * every two seconds, makes it certain: a join whose hint was lost still gets its feed.
 */
import { ChatError } from '../protocol/errors.ts';
import type { GoneReason, RoomState } from '../protocol/words.ts';
import { endedBy, endingOf } from './endings.ts';
import { Gate } from './gate.ts';
import { nameOf, type RoomId, type UserId } from './identity.ts';
import { isMember, roomState } from './room-state.ts';
import type { Session } from './session.ts';
import type { Store } from './store.ts';
import type { RoomView } from './store-types.ts';

interface UserEntry {
  readonly sessions: Set<Session>;
  /** Of the index that all welcomed sessions have; -1: none was read. */
  version: number;
  isSyncing: boolean;
  isSyncDue: boolean;
}

export interface SessionsOptions {
  /** Announces a room that began for this session (`room` event). */
  readonly onRoom: (session: Session, state: RoomState) => void;
  readonly onFault: (error: unknown) => void;
  /** Users whose versions are read in one call. */
  readonly usersPerRead?: number | undefined;
}

/** Sessions that are told of a room's changed state at once; the others wait. */
const REFRESHES_AT_ONCE = 16;
/** Entries that are looked through for what ended a membership. */
const NEWEST = 200;

export class Sessions {
  readonly #store: Pick<Store, 'history' | 'index' | 'indexVersions' | 'views'>;
  readonly #options: SessionsOptions;
  readonly #users = new Map<UserId, UserEntry>();
  /** States that are to be told anew: each once, however often it changed meanwhile. */
  readonly #stale = new Map<Session, Set<RoomId>>();
  /** Those of them for which the store did not answer. */
  #untold = new Set<Session>();
  readonly #reads = new Gate(REFRESHES_AT_ONCE);

  constructor(store: Pick<Store, 'history' | 'index' | 'indexVersions' | 'views'>, options: SessionsOptions) {
    this.#store = store;
    this.#options = options;
  }

  get users(): number {
    return this.#users.size;
  }

  *[Symbol.iterator](): Generator<Session> {
    for (const { sessions } of this.#users.values()) yield* sessions;
  }

  of(user: UserId): ReadonlySet<Session> {
    return this.#users.get(user)?.sessions ?? new Set();
  }

  add(session: Session): void {
    const entry = this.#users.get(session.userId);
    if (entry !== undefined) entry.sessions.add(session);
    else
      this.#users.set(session.userId, {
        sessions: new Set([session]),
        version: -1,
        isSyncing: false,
        isSyncDue: false,
      });
  }

  /** The session was welcomed with the rooms of this version of the index. */
  welcomed(session: Session, version: number): void {
    session.welcome();
    const entry = this.#users.get(session.userId);
    if (entry === undefined) return;
    // A look that is under way has passed by it.
    if (entry.isSyncing || (entry.version !== -1 && entry.version !== version)) this.hint(session.userId);
    if (entry.version === -1) entry.version = version;
  }

  remove(session: Session): void {
    session.close();
    const entry = this.#users.get(session.userId);
    if (entry === undefined) return;
    entry.sessions.delete(session);
    if (entry.sessions.size === 0) this.#users.delete(session.userId);
  }

  /** The user's rooms may have changed. */
  hint(user: UserId): void {
    const entry = this.#users.get(user);
    if (entry === undefined) return;
    entry.isSyncDue = true;
    if (!entry.isSyncing) void this.#sync(user, entry);
  }

  /** What the room's state says is another thing now; the session is told. */
  readonly refresh = (session: Session, room: RoomId): void => {
    const known = this.#stale.get(session);
    if (known !== undefined) return void known.add(room);
    this.#stale.set(session, new Set([room]));
    this.#tellSoon(session);
  };

  #tellSoon(session: Session): void {
    this.#reads
      .run(() => this.#tellStates(session))
      .catch((error: unknown) => {
        // `checkVersions` tries again.
        if (!isOutage(error)) this.#options.onFault(error);
      });
  }

  /** Asks the store whose rooms changed. Rejects when it does not answer. */
  async checkVersions(): Promise<void> {
    const untold = this.#untold;
    this.#untold = new Set();
    for (const session of untold) this.#tellSoon(session);
    const users = [...this.#users.keys()];
    const step = this.#options.usersPerRead ?? 500;
    for (let at = 0; at < users.length; at += step) {
      const part = users.slice(at, at + step);
      const versions = await this.#store.indexVersions(part);
      // For every user there is, time and again: nothing is made that would have to be collected.
      for (let i = 0; i < part.length; i += 1) {
        const user = part[i];
        const version = user && this.#users.get(user)?.version;
        if (user && version !== undefined && version !== -1 && versions[i] !== version) this.hint(user);
      }
    }
  }

  /** Runs until nobody has hinted meanwhile: a hint is either seen here or starts another. */
  async #sync(user: UserId, entry: UserEntry): Promise<void> {
    entry.isSyncing = true;
    try {
      while (entry.isSyncDue && entry.sessions.size > 0) {
        entry.isSyncDue = false;
        const index = await this.#store.index(user);
        for (const session of entry.sessions) await this.#bringUpToDate(session, index.rooms);
        entry.version = index.version;
      }
    } catch (error) {
      // The version still differs, so the next check tries again.
      if (!isOutage(error)) this.#options.onFault(error);
    } finally {
      entry.isSyncing = false;
    }
  }

  async #tellStates(session: Session): Promise<void> {
    const rooms = [...(this.#stale.get(session) ?? [])];
    // What changes from here on is read again.
    this.#stale.delete(session);
    if (session.isClosed) return;
    let views: readonly (RoomView | undefined)[];
    try {
      views = await this.#store.views(session.user, session.device, rooms);
    } catch (error) {
      this.#untold.add(session);
      this.#stale.set(session, new Set([...rooms, ...(this.#stale.get(session) ?? [])]));
      throw error;
    }
    for (const [i, room] of rooms.entries()) {
      const view = views[i];
      if (isMember(view) && !session.isClosed && session.knows(room))
        this.#options.onRoom(session, roomState(room, view));
    }
  }

  async #bringUpToDate(session: Session, rooms: readonly RoomId[]): Promise<void> {
    if (!session.isWelcome) return;
    const wanted = new Set(rooms);
    for (const room of session.rooms) {
      if (wanted.has(room)) continue;
      if (session.hasFeed(room)) session.recheck(room);
      else session.drop(room, await this.#reasonOf(room, session.user));
    }
    const missing = rooms.filter((room) => !session.knows(room) && !this.#isChanging(session, room));
    if (missing.length === 0) return;
    const views = await this.#store.views(session.user, session.device, missing);
    for (const [i, room] of missing.entries()) {
      const view = views[i];
      // Since the question the session may have joined by itself, or gone.
      if (!isMember(view) || session.isClosed || session.knows(room)) continue;
      if (this.#isChanging(session, room)) continue;
      if (!session.subscribesAll || !session.hasRoom) {
        this.#options.onRoom(session, session.show(room, view));
        continue;
      }
      const { state, start } = session.begin(room, view, nameOf(room), { otherwise: view.membership.point });
      this.#options.onRoom(session, state);
      start();
    }
  }

  /** A join of its own tells of the room; behind anything else this looks again. */
  #isChanging(session: Session, room: RoomId): boolean {
    const changing = session.changing(room);
    void changing?.then(() => this.hint(session.userId));
    return changing !== undefined;
  }

  /** Why the user is no member any more, by the newest entries of the log; of what is older only that it is so. */
  async #reasonOf(room: RoomId, user: string): Promise<GoneReason> {
    try {
      // Nobody's name: no membership is looked at.
      const { entries } = await this.#store.history(room, { user: '', limit: NEWEST });
      const last = entries.findLast((entry) => endedBy(entry, user));
      return (last && endingOf(last)) ?? 'left';
    } catch (error) {
      if (error instanceof ChatError && error.code === 'not_found') return 'deleted';
      throw error;
    }
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof Error && error.name === 'StoreUnavailable';
}
