/**
 * Orders to end connections, which are in no room's log: a user disconnected, tokens revoked.
 *
 * The store has them in a numbered list that every worker reads again and again; a lost hint
 * loses none. What was read is good for a second: a worker that was stopped meanwhile, or that
 * the store does not answer, hands on no entry until it has read the list again. Its connections
 * stay (G11).
 */
import type { UserId } from './identity.ts';
import type { Store } from './store.ts';

export interface Order {
  readonly do: 'disconnect' | 'revoke';
  readonly user: UserId;
  /** By the store's clock; ms since 1970. Tokens issued before are refused (`revoke`). */
  readonly at: number;
}

export interface OrderPage {
  readonly orders: readonly Order[];
  /** What to ask after the next time. */
  readonly last: string;
  /** Some after what was asked are kept no more. */
  readonly isGap: boolean;
}

/** Orders that are kept; a worker that misses more ends all its connections. */
export const MAX_ORDERS = 10_000;
/** How long what was read is good. */
const GOOD_MS = 1_000;

export interface OrderWatchOptions {
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly onOrder: (order: Order) => void;
  /** Orders were missed: nobody here may stay as they are. */
  readonly onGap: () => void;
}

export class OrderWatch {
  readonly #store: Pick<Store, 'orders'>;
  readonly #options: OrderWatchOptions;
  #last: string | undefined;
  #goodUntil = Number.NEGATIVE_INFINITY;
  #waiting: (() => void)[] = [];

  constructor(store: Pick<Store, 'orders'>, options: OrderWatchOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Whether entries may be handed on now. */
  readonly isGood = (): boolean => this.#options.now() < this.#goodUntil;

  /** Runs the task, once, when entries may be handed on again. */
  readonly whenGood = (task: () => void): void => {
    if (this.isGood()) task();
    else this.#waiting.push(task);
  };

  /** Called several times a second. Rejects when the store does not answer. */
  async look(): Promise<void> {
    const asked = this.#options.now();
    const { orders, last, isGap } = await this.#store.orders(this.#last);
    // At the start there is nobody whom what was before could be about.
    if (this.#last !== undefined) {
      if (isGap) this.#options.onGap();
      for (const order of orders) this.#options.onOrder(order);
    }
    this.#last = last;
    this.#goodUntil = asked + GOOD_MS;
    if (!this.isGood()) return;
    for (const task of this.#waiting.splice(0)) task();
  }
}
