/** How many users of a room may be muted or banned: what is over makes place for what is new. */
import type { RoomId } from '../chat/identity.ts';
import { ChatError } from '../protocol/errors.ts';

/** Looking through a room that stays full is not done each time somebody asks. */
const APART_MS = 1_000;
/** Rooms that are looked through in that time. */
const MAX_ROOMS = 100;

export class SanctionsFull extends ChatError {
  constructor(max: number) {
    super(
      'too_large',
      `a room has at most ${max} users who are muted or banned (maxSanctionsPerRoom); end some of it`,
    );
  }
}

export class SanctionLimit {
  /** When full rooms were looked through: those of the last moment, in that order. */
  readonly #lookedAt = new Map<RoomId, number>();

  /** Does `act`; where the room is full, once more if `endOver` found any that are over. */
  async run<T>(room: RoomId, act: () => Promise<T>, endOver: () => Promise<number>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof SanctionsFull) || !this.#mayLook(room)) throw error;
      if ((await endOver()) === 0) throw error;
    }
    return act();
  }

  #mayLook(room: RoomId): boolean {
    const now = performance.now();
    for (const [other, at] of this.#lookedAt) {
      if (now - at < APART_MS) break;
      this.#lookedAt.delete(other);
    }
    if (this.#lookedAt.has(room) || this.#lookedAt.size >= MAX_ROOMS) return false;
    this.#lookedAt.set(room, now);
    return true;
  }
}
