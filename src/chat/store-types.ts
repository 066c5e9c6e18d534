/** What the store's steps take, and what they answer. */
import type { ErrorCode } from '../protocol/errors.ts';
import type { Durability, Position, Role, RoomKind } from '../protocol/words.ts';
import type { Draft, Entry } from './entry.ts';
import type { RoomId, UserId } from './identity.ts';
import type { LogExtent, Loss } from './position.ts';
import type { PresenceEntry } from './presence.ts';
import type { StoreUnavailable } from './store-unavailable.ts';

/** A room apart from who asks. */
export interface RoomInfo extends LogExtent {
  readonly kind: RoomKind;
  readonly title: string;
  /** Memberships, not who is online. */
  readonly members: number;
  /** Commit time of the newest entry, or of the creation; ms since 1970. */
  readonly lastAt: number;
}

export interface Membership {
  readonly role: Role;
  readonly name: string;
  /** Where it began: the member sees what comes after it. Also what identifies this membership. */
  readonly point: Position;
  /** The user has read up to here. */
  readonly read: number;
  /** The asking device's cursor; without one (or without a device) the membership's point. */
  readonly cursor: Position;
  /** Retained `text` entries after `read` that others wrote. */
  readonly unread: number;
}

/** A room as one user sees it. */
export interface RoomView {
  readonly info: RoomInfo;
  /** Undefined: not a member. */
  readonly membership: Membership | undefined;
}

/** The posts of one room that are to be stored together, in this order. */
export interface RoomBatch {
  readonly room: RoomId;
  readonly drafts: readonly Draft[];
}

/** What became of one draft. */
export type Appended =
  | {
      readonly ok: true;
      readonly epoch: string;
      readonly seq: number;
      readonly at: number;
      readonly duplicate: boolean;
    }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly retryAfterMs?: number | undefined;
    };

/** New entries of one room: consecutive seqs of one epoch, ascending. Never empty. */
export interface Batch {
  readonly epoch: string;
  readonly entries: readonly Entry[];
}

/** What became of one `RoomBatch`. */
export interface RoomCommit {
  readonly room: RoomId;
  /** One for each draft, in their order. */
  readonly results: readonly Appended[];
  /** What was newly stored; undefined when nothing was. */
  readonly batch: Batch | undefined;
}

/** A commit that every process can see already. */
export interface Commit {
  /** One for each `RoomBatch`, in their order; a room whose step failed has its error instead. */
  readonly rooms: readonly (RoomCommit | StoreUnavailable)[];
  /** Resolves when the commit is as durable as it will be, with what that is. */
  readonly durable: Promise<Durability>;
}

export interface JoinOptions {
  /** The name to show. */
  readonly name: string;
  /** Create the room if it does not exist; `role` is the creator's. */
  readonly create?: { readonly kind: RoomKind; readonly title: string; readonly role: Role } | undefined;
  /** An existing room is a `conflict` (room:create). */
  readonly mustCreate?: boolean | undefined;
  /** The asking device, for `cursor`. */
  readonly device?: string | undefined;
  readonly maxRoomsPerUser: number;
}

export interface Joined extends RoomView {
  readonly membership: Membership;
  /** False: was a member already, and nothing changed. */
  readonly isNew: boolean;
}

export interface Left {
  /** The `system` entry, to be handed on like any other. */
  readonly batch: Batch;
  /** Where the ended membership began. */
  readonly point: Position;
}

/** What an act came to. */
export interface Governed {
  readonly info: RoomInfo;
  /** The `system` entries, to be handed on like any other; undefined: nothing changed. */
  readonly batch: Batch | undefined;
  /** The act's target as it is now; undefined for an act that has none. */
  readonly target: ListedMember | undefined;
  /** The target's membership began or ended. */
  readonly isOther: boolean;
}

export interface GovernOptions {
  readonly maxRoomsPerUser: number;
  /** Users of a room that are muted, banned or blocked. */
  readonly maxSanctions: number;
}

export interface DirectOptions {
  /** The asker's name to show. */
  readonly name: string;
  readonly device?: string | undefined;
  readonly maxRoomsPerUser: number;
}

export interface PageRequest {
  /** Entries after this position. Brought into the present epoch by `settle` (position.ts). */
  readonly after: Position;
  /** Whose page it is: read in one step with this user's membership. Undefined: the feed's own. */
  readonly user?: string | undefined;
  readonly limit: number;
  /** The page ends when it passes this; it has one entry at least. */
  readonly maxBytes: number;
}

export interface Page extends RoomView {
  /** Ascending without a hole. Empty when nothing lies after the position. */
  readonly entries: readonly Entry[];
  /** Where the page really starts, in the present epoch, and what must be announced before it. */
  readonly start: Position;
  readonly losses: readonly Loss[];
}

export interface HistoryRequest {
  readonly user: string;
  /** Seqs, exclusive. With neither, the newest page; with both, from `after` on, below `before`. */
  readonly after?: number | undefined;
  readonly before?: number | undefined;
  readonly limit: number;
}

export interface HistoryPage extends RoomView {
  /** Ascending. Never below `first`; in a private or direct room never up to the membership's point. */
  readonly entries: readonly Entry[];
  /** Whether there are more in the direction that was asked for. */
  readonly more: boolean;
  /** The texts of the page's entries that were edited, as they are now. */
  readonly edited: readonly Edited[];
}

/** The present text of an entry. */
export interface Edited {
  readonly seq: number;
  readonly text: string;
  /** When; ms since 1970. */
  readonly at: number;
}

export interface ReadOptions {
  /** That of `seq`; by default the present one. */
  readonly epoch?: string | undefined;
  /** What the user is called now: where the mark moves, the membership's name follows. */
  readonly name?: string | undefined;
}

export interface ReadMark {
  /** Up to where the user has read now. */
  readonly seq: number;
  /** It is further than before. */
  readonly isNew: boolean;
  /** Of the room. */
  readonly members: number;
}

/** The user's index of rooms. Every change of membership raises the version. */
export interface RoomIndex {
  readonly version: number;
  /** Rooms the user is a member of, or may be (a join that was cut short): `views` tells. */
  readonly rooms: readonly RoomId[];
  /** Tokens issued before are refused; ms since 1970, 0: none are. */
  readonly revokedBefore: number;
}

export interface DeviceUse {
  readonly device: string;
  /** Ms since 1970. */
  readonly usedAt: number;
}

export interface RoomHead {
  readonly epoch: string;
  readonly head: number;
}

export interface ScannedRoom extends RoomHead {
  readonly room: RoomId;
}

/** Asked before a device that is not known is added, which is a step in each of so many rooms; rejects. */
export type MayAdd = (rooms: number) => Promise<void> | undefined;

export interface HookMove {
  /** Undefined: there was none. */
  readonly from: Position | undefined;
  readonly to: Position;
}

/**
 * Cursors that a member has in a room at most, as many as `--max-devices-per-user` may allow: a
 * connection of a device that was forgotten can set one again.
 */
export const MAX_CURSORS = 1_000;

export interface CursorMove {
  readonly room: RoomId;
  readonly user: string;
  readonly device: string;
  /** In an epoch of the room. Less far than the cursor: ignored. */
  readonly to: Position;
}

/** What retention leaves, per room. Undefined: everything. */
export interface RetentionPolicy {
  readonly maxAgeMs?: number | undefined;
  readonly maxMessages?: number | undefined;
  readonly maxBytes?: number | undefined;
  /** How long a message's id is kept at least after it was stored. */
  readonly idsMs: number;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  /** Pass it to get the next page; undefined: this was the last. */
  readonly cursor: string | undefined;
}

export interface ListedRoom {
  readonly room: string;
  readonly title: string;
  readonly members: number;
  readonly head: number;
}

export interface ListedMember {
  readonly user: string;
  readonly name: string;
  /** Undefined: not a member. */
  readonly role?: Role | undefined;
  readonly mutedUntil?: number | undefined;
  readonly banned?: true | undefined;
  readonly bannedUntil?: number | undefined;
}

/** A user's entry under a lease, as it is from now on. */
export interface PresenceChange {
  readonly user: UserId;
  /** Undefined: taken back. */
  readonly entry: PresenceEntry | undefined;
  /** With an entry that is taken back: when they were here last; ms since 1970. */
  readonly lastSeen: number;
}

/** A part of a limit that is shared by all: so many in a window, which begins with the first. */
export interface TokenAsk {
  readonly key: string;
  /** Negative: so many are given back. */
  readonly want: number;
  /** With fewer left none are granted. */
  readonly least: number;
  readonly count: number;
  readonly perMs: number;
}

export interface TokenGrant {
  readonly granted: number;
  /** Until the window ends. */
  readonly leftMs: number;
}
