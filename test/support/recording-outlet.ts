/** A socket's way out that keeps what it was sent, and can be made slow. */
import type { RoomId } from '../../src/chat/identity.ts';
import { Gate } from '../../src/chat/gate.ts';
import type { MessagesEvent, Outlet } from '../../src/chat/outlet.ts';
import type { PresenceNews } from '../../src/chat/watching.ts';
import type { GoneReason, Lost, Message, RoomState } from '../../src/protocol/words.ts';

export class RecordingOutlet implements Outlet {
  readonly seqs: number[] = [];
  /** As many; undefined: one that has no text (any more). */
  readonly texts: (string | undefined)[] = [];
  readonly losts: Lost[] = [];
  readonly gones: GoneReason[] = [];
  readonly presences: PresenceNews[] = [];
  readonly states: RoomState[] = [];
  readonly pages = new Gate(2);
  /** `messages` events. */
  events = 0;
  /** False: the buffer counts as full. */
  isReading = true;
  #waiting: (() => void)[] = [];

  admit(): boolean {
    return this.isReading;
  }

  drained(): Promise<void> {
    if (this.isReading) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  read(): void {
    this.isReading = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  messages({ packet }: MessagesEvent): void {
    this.events += 1;
    for (const { seq, text } of messagesOf(packet)) {
      this.seqs.push(seq);
      this.texts.push(text);
    }
  }

  state(state: RoomState): void {
    this.states.push(state);
  }

  lost(lost: Lost): void {
    this.losts.push(lost);
  }

  gone(_room: RoomId, reason: GoneReason): void {
    this.gones.push(reason);
  }

  presence(change: PresenceNews): void {
    this.presences.push(change);
  }
}

/** The messages of a `messages` event, as the wire has it. */
function messagesOf(packet: string): readonly Message[] {
  const [, { messages }] = JSON.parse(packet.slice(packet.indexOf('['))) as [string, { messages: Message[] }];
  return messages;
}
