/**
 * Follows one client's feeds and holds them to G1, G3 and G12: per room ascending, no hole, no
 * repeat, jumps only through `lost`, landing on `next`. What breaks the rule is kept in `faults`.
 */
import type { Lost, Message, Position, RoomState } from '../../src/protocol/words.ts';

export class Follower {
  readonly faults: string[] = [];
  readonly messages = new Map<string, Message[]>();
  readonly losts: Lost[] = [];
  /** room → where the feed stands; rooms without a feed have no entry. */
  readonly #positions = new Map<string, Position>();

  position(room: string): Position | undefined {
    return this.#positions.get(room);
  }

  positions(): Record<string, Position> {
    return Object.fromEntries(this.#positions);
  }

  /** A RoomState that starts a feed. */
  start(state: RoomState): void {
    if (state.from !== undefined && !this.#positions.has(state.room))
      this.#positions.set(state.room, state.from);
  }

  stop(room: string): void {
    this.#positions.delete(room);
  }

  /** The connection is gone: feeds begin anew with the next one. */
  reset(): void {
    this.#positions.clear();
  }

  onMessages({ room, epoch, messages }: { room: string; epoch: string; messages: Message[] }): void {
    const at = this.#positions.get(room);
    if (at === undefined) return void this.faults.push(`${room}: messages without a feed`);
    const all = this.messages.get(room) ?? [];
    this.messages.set(room, all);
    let expected = at.seq + 1;
    for (const message of messages) {
      if (message.seq !== expected)
        this.faults.push(`${room}: expected seq ${expected}, got ${message.seq} (epoch ${epoch})`);
      if (message.room !== room) this.faults.push(`${room}: a message of ${message.room}`);
      expected = message.seq + 1;
      all.push(message);
    }
    this.#positions.set(room, { epoch, seq: expected - 1 });
  }

  onLost(lost: Lost): void {
    this.losts.push(lost);
    const at = this.#positions.get(lost.room);
    if (at === undefined) return void this.faults.push(`${lost.room}: lost without a feed`);
    if (lost.to > at.seq && lost.reason === 'epoch')
      this.faults.push(`${lost.room}: lost up to ${lost.to}, was at ${at.seq}`);
    if (lost.reason === 'retention' && lost.from !== at.seq + 1)
      this.faults.push(`${lost.room}: lost from ${lost.from}, was at ${at.seq}`);
    this.#positions.set(lost.room, lost.next);
  }
}
