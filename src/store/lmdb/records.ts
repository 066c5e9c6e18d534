/** What LMDB holds of a room, a membership and a user; plain JSON. */
import type { EpochMark } from '../../chat/position.ts';
import type { PresenceEntry } from '../../chat/presence.ts';
import type { Position, Role, RoomKind } from '../../protocol/words.ts';

export interface RoomRecord {
  kind: RoomKind;
  title: string;
  /** The life the room was last written in. */
  life: string;
  chain: EpochMark[];
  head: number;
  first: number;
  members: number;
  owners: number;
  /** `text` entries up to the head, and up to `first - 1`. */
  texts: number;
  textsBefore: number;
  /** Bytes of the retained entries. */
  bytes: number;
  lastAt: number;
  /** Users who are muted, banned or blocked; none in a record of before there were any. */
  sanctions?: number;
  /** Edits and deletes that were ever stored; the same. */
  amendments?: number;
}

/** What is left of a room that was deleted: its name goes on counting from there. */
export interface GraveRecord {
  chain: EpochMark[];
  head: number;
  texts: number;
  lastAt: number;
  /** Its entries, members and the rest are not all removed yet. */
  isDirty: boolean;
}

/** What became of a text entry. */
export interface Amendment {
  /** Seqs of its edits, ascending. */
  edits: number[];
  isDeleted?: true;
}

export interface MemberRecord {
  role: Role;
  name: string;
  point: Position;
  read: number;
  /** `text` entries of this user in this membership: all, and those up to `read`. */
  own: number;
  ownAtRead: number;
  /** The seq of the newest of them; 0 for none. */
  lastOwn: number;
  cursors: Record<string, Position>;
}

export interface UserRecord {
  version: number;
  /** device → when it was last used, ms since 1970 */
  devices: Record<string, number>;
  /** Tokens issued before are refused; ms since 1970. */
  revokedBefore?: number;
}

/** A process that has users here. */
export interface LeaseRecord {
  pid: number;
  /** In the kernel's ticks since the boot; 0: it does not tell. */
  startedAt: number;
  boot: string;
  /** Its last sign of life in here; ms since 1970. */
  seenAt: number;
  /** The process ended it itself. */
  endedAt?: number;
}

export interface PresenceEntries {
  lastSeen: number;
  /** By lease. */
  entries: Record<string, PresenceEntry>;
}

export interface TokenRecord {
  used: number;
  /** Ms since 1970. */
  until: number;
}

/** By a name that a peer chose: not what every object has. */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
