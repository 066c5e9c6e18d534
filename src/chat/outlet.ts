/** What a feed needs of the sockets it hands entries to. Implemented in edge/, faked in tests. */
import type { GoneReason, Lost, RoomState } from '../protocol/words.ts';
import type { Gate } from './gate.ts';
import type { RoomId } from './identity.ts';
import type { PresenceNews } from './watching.ts';

/** A `messages` event, encoded once for all sockets that get it. */
export interface MessagesEvent {
  readonly bytes: number;
  /** The Socket.IO packet. */
  readonly packet: string;
  /** The same as a whole WebSocket frame. */
  readonly frame: Buffer;
}

/** `messages`: a JSON array. */
export type EncodeMessages = (room: RoomId, epoch: string, messages: string) => MessagesEvent;

/** Any other event of a room. */
export type EncodeEvent = (room: RoomId, event: string, object: object) => MessagesEvent;

/** One socket. */
export interface Outlet {
  /** Its catching-up feeds go through it page by page, however many rooms are behind. */
  readonly pages: Gate;
  /** Makes room for so many bytes; false: the unsent ones are over the limit, send nothing. */
  admit(bytes: number): boolean;
  /** Resolves when all that was sent has left the process, or the socket is closed. */
  drained(): Promise<void>;
  messages(event: MessagesEvent): void;
  /** A `room` event. */
  state(state: RoomState): void;
  lost(lost: Lost): void;
  gone(room: RoomId, reason: GoneReason): void;
  presence(change: PresenceNews): void;
}
