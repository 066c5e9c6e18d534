/**
 * Lets a limited number through at a time; the others wait in their order.
 *
 * Who waits is bounded by its callers (one per catching-up socket and one per repairing feed, so
 * many questions to the application).
 */
export class Gate {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#inside += 1;
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      // The place passes straight to the next in line, so nobody can slip in between.
      if (next === undefined) this.#inside -= 1;
      else next();
    }
  }
}
