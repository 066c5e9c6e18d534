/** The words of the wire: names, positions, what a room and a message look like to a client. */

/** A user, a device: 1–64 of these characters. */
export const USER_PATTERN = /^[A-Za-z0-9_.@-]{1,64}$/;
/** A room that was given a name; direct rooms are `dm:<a>:<b>`. */
export const ROOM_PATTERN = /^[A-Za-z0-9_.-]{1,64}$/;
/** A direct room: its two users in ascending byte order (checked apart). */
export const DIRECT_PATTERN = /^dm:([A-Za-z0-9_.@-]{1,64}):([A-Za-z0-9_.@-]{1,64})$/;
/** A namespace besides `/`. */
export const NAMESPACE_PATTERN = /^\/[a-z0-9-]{1,32}$/;
/** The client's own id of a message. */
export const MESSAGE_ID_PATTERN = /^[\x20-\x7e]{1,64}$/;

/** "I have everything up to and including this." */
export interface Position {
  readonly epoch: string;
  readonly seq: number;
}

export type RoomKind = 'public' | 'private' | 'direct';
export type Role = 'owner' | 'admin' | 'member';

/** What an acknowledgement stands for (PROTOCOL.md, Requests). */
export type Durability = 'disk' | 'replicated' | 'memory';

/** A room as one user (and device) sees it. `from`: this socket's feed starts after it. */
export interface RoomState {
  readonly room: string;
  readonly kind: RoomKind;
  readonly title: string;
  readonly role: Role;
  readonly epoch: string;
  readonly head: number;
  readonly first: number;
  readonly from?: Position;
  readonly read: number;
  readonly delivered: Position;
  readonly unread: number;
  readonly members: number;
}

export type MessageKind = 'text' | 'edit' | 'delete' | 'reaction' | 'system';

export interface Message {
  readonly room: string;
  readonly seq: number;
  readonly id: string;
  readonly from: string;
  readonly at: number;
  readonly kind: MessageKind;
  readonly text?: string;
  readonly ref?: number;
  readonly replyTo?: number;
  readonly emoji?: string;
  readonly on?: boolean;
  readonly data?: unknown;
  readonly edited?: number;
}

/** Seqs `from`…`to` of `epoch` cannot be delivered (any more). The feed goes on after `next`. */
export interface Lost {
  readonly room: string;
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly reason: 'retention' | 'epoch';
  readonly next: Position;
}

/** `unknown`: the store cannot be reached. */
export type PresenceStatus = 'online' | 'away' | 'offline' | 'unknown';

export interface UserPresence {
  readonly user: string;
  readonly status: PresenceStatus;
  /** Ms since 1970, 0: never; of who is there: now. */
  readonly lastSeen: number;
}

export type GoneReason = 'left' | 'kicked' | 'banned' | 'deleted';
