/** What LMDB holds of a room, a membership and a user; plain JSON. */
import type { EpochMark } from '../../chat/position.ts';
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
}
