/** Tokens that refill evenly: `count` at once, `count` per `perMs` in the long run. Pure; time comes in. */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

export class RateLimit {
  readonly #rate: Rate;
  #tokens: number;
  #at: number;

  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.count;
    this.#at = now;
  }

  /** Takes one. 0: taken; else the milliseconds until there is one. */
  take(now: number): number {
    const { count, perMs } = this.#rate;
    const perToken = perMs / count;
    this.#tokens = Math.min(count, this.#tokens + (now - this.#at) / perToken);
    this.#at = now;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.ceil((1 - this.#tokens) * perToken);
  }
}
