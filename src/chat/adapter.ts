/**
 * What the chat asks of what carries messages between workers.
 *
 * It is a hint: it may drop, delay, double and reorder whatever it carries (G5). The log is
 * the truth, and every feed repairs itself from the store. So nothing here is awaited, and
 * nothing here may throw or reject.
 */
import type { RoomId, UserId } from './identity.ts';

/** What travels to every other worker. */
export type Notice =
  /** Newest positions of rooms that were written lately: `[room, epoch, head]`. */
  | { readonly kind: 'heads'; readonly heads: readonly (readonly [RoomId, string, number])[] }
  /** Users whose index of rooms changed, users whose presence was written, rooms whose members are others. */
  | {
      readonly kind: 'changes';
      readonly index: readonly UserId[];
      readonly presence: readonly UserId[];
      readonly members: readonly RoomId[];
    }
  /** A user has too many connections, the newest by this device: whoever has the oldest closes it. */
  | { readonly kind: 'crowd'; readonly user: UserId; readonly device?: string };

export interface AdapterEvents {
  /** A batch of a room this worker subscribed to; `body` is as it was published. */
  onBatch(room: RoomId, body: string): void;
  onNotice(notice: Notice): void;
  /** The connection was made anew: anything may have been missed. */
  onReset(): void;
}

export interface Adapter {
  /** Starts or stops getting a room's batches; takes effect soon, survives reconnects. */
  subscribe(room: RoomId): void;
  unsubscribe(room: RoomId): void;
  /** To every other worker that subscribed to the room. */
  publish(room: RoomId, body: string): void;
  /** To every other worker. */
  notify(notice: Notice): void;
  /** Resolves when something sent came back round; rejects with the reason after a while. */
  probe(): Promise<void>;
  /** Twice is the same as once. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
