/** What a feed needs of the sockets it hands entries to. Implemented in edge/, faked in tests. */
import type { GoneReason, Lost } from '../protocol/words.ts';
import type { RoomId } from './identity.ts';

/** One socket. */
export interface Outlet {
  /** Makes room for so many bytes; false: the unsent ones are over the limit, send nothing. */
  admit(bytes: number): boolean;
  /** Resolves when all that was sent has left the process, or the socket is closed. */
  drained(): Promise<void>;
  /** A `messages` event for this socket alone; `messages` is a JSON array. */
  messages(room: RoomId, epoch: string, messages: string): void;
  lost(lost: Lost): void;
  gone(room: RoomId, reason: GoneReason): void;
  /** Enters or leaves the group that `RoomOutlet.broadcast` reaches. */
  enter(room: RoomId): void;
  exit(room: RoomId): void;
}

/** All sockets of a room that are live here. */
export interface RoomOutlet {
  /** A `messages` event for all of them, encoded once; `messages` is a JSON array. */
  broadcast(room: RoomId, epoch: string, messages: string): void;
}
