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
import { StoreUnavailable } from './store-unavailable.ts';

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
  readonly after: (ms: number, task: () => void) => void;
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

  /** Undefined: entries may be handed on. Else resolves when they may; rejects when that takes too long. */
  readonly confirmed = (): Promise<void> | undefined => {
    if (this.isGood()) return undefined;
    return new Promise((resolve, reject) => {
      this.whenGood(resolve);
      this.#options.after(GOOD_MS, () =>
        reject(new StoreUnavailable('it is not known who was disconnected or had a token revoked')),
      );
    });
  };

  /** Called several times a second. Rejects when the store does not answer. */
  async look(): Promise<void> {
    const asked = this.#options.now();
    const { orders, last, isGap } = await this.#store.orders(this.#last);
    // The first answer cannot tell what was ordered of those who came before it: a gap too.
    if (this.#last === undefined || isGap) this.#options.onGap();
    if (this.#last !== undefined) for (const order of orders) this.#options.onOrder(order);
    this.#last = last;
    this.#goodUntil = asked + GOOD_MS;
    if (!this.isGood()) return;
    for (const task of this.#waiting.splice(0)) task();
  }
}
