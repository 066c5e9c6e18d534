/** How many users of a room may be muted or banned: what is over makes place for what is new. */
import { ChatError } from '../protocol/errors.ts';

/** Looking through a room that stays full is not done each time somebody asks. */
const APART_MS = 1_000;

export class SanctionsFull extends ChatError {
  constructor(max: number) {
    super(
      'too_large',
      `a room has at most ${max} users who are muted or banned (maxSanctionsPerRoom); end some of it`,
    );
  }
}

export class SanctionLimit {
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** Does `act`; where the room is full, once more if `endOver` found any that are over. */
  async run<T>(act: () => Promise<T>, endOver: () => Promise<number>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      const now = performance.now();
      if (!(error instanceof SanctionsFull) || now - this.#lookedAt < APART_MS) throw error;
      this.#lookedAt = now;
      if ((await endOver()) === 0) throw error;
    }
    return act();
  }
}
