/** A socket's way out that keeps what it was sent, and can be made slow. */
import { nameOf, type RoomId } from '../../src/chat/identity.ts';
import type { Outlet, RoomOutlet } from '../../src/chat/outlet.ts';
import type { GoneReason, Lost, Message } from '../../src/protocol/words.ts';

export class RecordingOutlet implements Outlet {
  readonly seqs: number[] = [];
  readonly losts: Lost[] = [];
  readonly gones: GoneReason[] = [];
  /** `messages` events. */
  events = 0;
  /** False: the buffer counts as full. */
  isReading = true;
  readonly #group: LiveGroup;
  #waiting: (() => void)[] = [];

  constructor(group: LiveGroup) {
    this.#group = group;
  }

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

  messages(_room: RoomId, _epoch: string, messages: string): void {
    this.events += 1;
    for (const { seq } of JSON.parse(messages) as Message[]) this.seqs.push(seq);
  }

  lost(lost: Lost): void {
    this.losts.push(lost);
  }

  gone(_room: RoomId, reason: GoneReason): void {
    this.gones.push(reason);
  }

  enter(room: RoomId): void {
    this.#group.enter(room, this);
  }

  exit(room: RoomId): void {
    this.#group.exit(room, this);
  }
}

/** The live outlets by room, as Socket.IO's rooms are. */
export class LiveGroup implements RoomOutlet {
  readonly #rooms = new Map<string, Set<RecordingOutlet>>();

  enter(room: RoomId, outlet: RecordingOutlet): void {
    const known = this.#rooms.get(nameOf(room)) ?? new Set();
    this.#rooms.set(nameOf(room), known.add(outlet));
  }

  exit(room: RoomId, outlet: RecordingOutlet): void {
    this.#rooms.get(nameOf(room))?.delete(outlet);
  }

  broadcast(room: RoomId, epoch: string, messages: string): void {
    for (const outlet of this.#rooms.get(nameOf(room)) ?? []) outlet.messages(room, epoch, messages);
  }
}
