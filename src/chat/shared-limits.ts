/**
 * Limits that hold over all workers and hosts: so many of something by one key in a window, which
 * begins with the first.
 *
 * The store has the count; a worker takes tokens of it in chunks and spends them without asking,
 * so the common case costs no round trip. What it has not spent for a while it gives back. So no
 * more is ever spent than there is, but for the first of a large limit, which is not kept waiting:
 * one in 64 at most, on each worker, and the whole of it, once, of what nobody can wait for until the
 * store answers. One in 256 the store is not even told of, until there are
 * more: of the many who come, most connect once and join a few rooms.
 */
import type { Rate } from './rate.ts';
import type { Store } from './store.ts';
import type { TokenAsk } from './store-types.ts';

export interface Limit {
  /** What is limited; with the id it is the key. */
  readonly name: string;
  readonly rate: Rate;
}

export interface SharedLimitsOptions {
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Runs the task when this turn's asks have gathered. */
  readonly defer: (task: () => void) => void;
  /** Keys that are known at once; the longest unused is forgotten. */
  readonly maxKeys: number;
  readonly onFault: (error: unknown) => void;
}

interface State {
  readonly key: string;
  readonly rate: Rate;
  /** In hand. */
  tokens: number;
  /** Spent before they were there. */
  debt: number;
  /** Spent in this window, here. */
  spent: number;
  /** When the window ends; 0: the store has not said. */
  until: number;
  /** In this window there was none left once. */
  wasShort: boolean;
  /** The store had not so many left then; undefined: it may have. */
  short: { readonly count: number; readonly at: number } | undefined;
  readonly since: number;
  usedAt: number;
  asking: Promise<void> | undefined;
  /** The store did not answer; what this worker gives of itself meanwhile was given. */
  isAlone: boolean;
}

/** What the store is asked for. */
interface Chunk {
  readonly want: number;
  readonly least: number;
  /** What it is needed for, debts aside. */
  readonly count: number;
}

interface Asked {
  readonly ask: TokenAsk;
  readonly state: State;
  readonly answered: (granted: number, leftMs: number) => void;
}

/** A chunk is this part of the limit. */
const PART = 64;
/** So much of a limit is not told. */
const UNTOLD_PART = 256;
/** Under it even the first waits for the store: one in 64 would be none. */
const WAITS_UNDER = 200;
/** Unspent for so long: given back. */
const IDLE_MS = 1_000;
/** How often all are looked through for windows that are over: there are two for each connection. */
const FORGET_MS = 10_000;
/** How long after there was none left the store is asked again: others may have given back. */
const AGAIN_MS = 1_000;
/** While the store does not answer a worker limits by itself, this long at a time. */
const ALONE_MS = 1_000;

export class SharedLimits {
  readonly #store: Pick<Store, 'takeTokens'>;
  readonly #options: SharedLimitsOptions;
  readonly #states = new Map<string, State>();
  /** Those with tokens in hand. */
  readonly #holding = new Set<State>();
  #forgetAt = 0;
  #asks: Asked[] = [];
  /** The store did not answer the last time. */
  #isAway = false;

  constructor(store: Pick<Store, 'takeTokens'>, options: SharedLimitsOptions) {
    this.#store = store;
    this.#options = options;
  }

  get size(): number {
    return this.#states.size;
  }

  /** Takes `count`. 0: taken; else the milliseconds until it makes sense to try again. */
  take(limit: Limit | undefined, id: string, count = 1): number | Promise<number> {
    if (limit === undefined) return 0;
    const now = this.#options.now();
    const state = this.#stateOf(limit, id, now);
    if (this.#spend(state, count)) return 0;
    const wait = this.#shortFor(state, count, now);
    if (wait > 0) return wait;
    const { rate } = state;
    // Once there was none left, nobody is lent anything in this window.
    const lends = rate.count >= WAITS_UNDER && !state.wasShort;
    if (lends && state.debt + count <= rate.count / PART) {
      borrow(state, count);
      if (state.debt > rate.count / UNTOLD_PART) this.#prefetch(state);
      return 0;
    }
    return this.#await(state, count);
  }

  /**
   * As `take`, of what nobody waits for: until the store has answered it is lent, as long as this
   * worker has not spent the whole limit. Once there was none left in a window, only what is in
   * hand is given.
   */
  takeNow(limit: Limit | undefined, id: string, count = 1): number {
    if (limit === undefined) return 0;
    const now = this.#options.now();
    const state = this.#stateOf(limit, id, now);
    if (this.#spend(state, count)) return 0;
    const wait = this.#shortFor(state, count, now);
    if (wait > 0) return wait;
    const isLent = !state.wasShort && count <= this.#lendable(state);
    if (isLent) borrow(state, count);
    if (!isLent || state.debt > state.rate.count / UNTOLD_PART) this.#prefetch(state);
    return isLent ? 0 : Math.max(1, Math.ceil(endOf(state) - now));
  }

  /** What was taken in this window and came to nothing is in hand again. */
  giveBack(limit: Limit | undefined, id: string, count = 1): void {
    const state = limit === undefined ? undefined : this.#states.get(keyOf(limit, id));
    if (state === undefined || state.spent < count || endOf(state) <= this.#options.now()) return;
    const owed = Math.min(state.debt, count);
    state.debt -= owed;
    state.tokens += count - owed;
    state.spent -= count;
    if (state.tokens > 0) this.#holding.add(state);
  }

  /** Gives back what is not spent, and now and then forgets what is over; called about every second. */
  tick(): void {
    const now = this.#options.now();
    for (const state of this.#holding) {
      if (state.asking !== undefined || now - state.usedAt < IDLE_MS) continue;
      this.#holding.delete(state);
      const unspent = state.tokens;
      state.tokens = 0;
      if (unspent > 0 && endOf(state) > now) void this.#ask(state, { want: -unspent, least: 0, count: 0 });
    }
    if (now < this.#forgetAt) return;
    this.#forgetAt = now + FORGET_MS;
    for (const state of this.#states.values())
      if (state.asking === undefined && (endOf(state) <= now || isForgettable(state, now)))
        this.#states.delete(state.key);
  }

  #stateOf(limit: Limit, id: string, now: number): State {
    const { rate } = limit;
    const key = keyOf(limit, id);
    const known = this.#states.get(key);
    if (known !== undefined && (endOf(known) > now || known.asking !== undefined)) {
      known.usedAt = now;
      return known;
    }
    this.#states.delete(key);
    const fresh: State = {
      key,
      rate,
      tokens: 0,
      debt: 0,
      spent: 0,
      until: 0,
      wasShort: false,
      short: undefined,
      since: now,
      usedAt: now,
      asking: undefined,
      isAlone: false,
    };
    this.#states.set(key, fresh);
    if (this.#states.size > this.#options.maxKeys) {
      for (const oldest of this.#states.keys()) {
        this.#states.delete(oldest);
        break;
      }
    }
    return fresh;
  }

  /** How long it makes no sense to ask the store for so many; 0: it does. */
  #shortFor(state: State, count: number, now: number): number {
    if (state.short === undefined || count < state.short.count || now - state.short.at >= AGAIN_MS) return 0;
    return Math.max(1, Math.ceil(state.until - now));
  }

  /** To those who do not wait: of the whole limit once, or, while the store is away, of what falls to it here. */
  #lendable({ debt, spent, rate }: State): number {
    return this.#isAway ? shareOf(rate) - debt : rate.count - spent;
  }

  /** False: there are not so many in hand. */
  #spend(state: State, count: number): boolean {
    if (state.tokens < count) return false;
    spend(state, count);
    if (state.tokens === 0) this.#prefetch(state);
    return true;
  }

  #prefetch(state: State): void {
    if (state.asking !== undefined || this.#shortFor(state, 1, this.#options.now()) > 0) return;
    void this.#ask(state, this.#chunk(state, 0));
  }

  async #await(state: State, count: number): Promise<number> {
    for (;;) {
      await (state.asking ?? this.#ask(state, this.#chunk(state, count)));
      if (state.tokens >= count) {
        spend(state, count);
        return 0;
      }
      const wait = this.#shortFor(state, count, this.#options.now());
      if (wait > 0) return wait;
    }
  }

  #chunk({ debt, rate }: State, count: number): Chunk {
    const least = Math.max(1, debt + count);
    return { want: least + Math.ceil(rate.count / PART), least, count: Math.max(1, count) };
  }

  #ask(state: State, { want, least, count }: Chunk): Promise<void> {
    const { key, rate } = state;
    const asking = new Promise<void>((resolve) => {
      const answered = (granted: number, leftMs: number): void => {
        const now = this.#options.now();
        state.asking = undefined;
        state.until = now + leftMs;
        if (want > 0) {
          state.tokens += Math.max(0, granted - state.debt);
          if (state.tokens > 0) this.#holding.add(state);
          state.debt = Math.max(0, state.debt - granted);
          state.short = granted === 0 ? { count, at: now } : undefined;
          state.wasShort ||= granted === 0;
          // What was spent and is not there any more was one too many; it is not asked for again.
          if (granted === 0) state.debt = 0;
        }
        resolve();
      };
      this.#asks.push({ ask: { key, want, least, count: rate.count, perMs: rate.perMs }, state, answered });
    });
    state.asking = asking;
    if (this.#asks.length === 1) this.#options.defer(() => void this.#send());
    return asking;
  }

  async #send(): Promise<void> {
    const asks = this.#asks;
    this.#asks = [];
    try {
      const grants = await this.#store.takeTokens(asks.map(({ ask }) => ask));
      this.#isAway = false;
      for (const [i, { ask, state, answered }] of asks.entries()) {
        state.isAlone = false;
        answered(grants[i]?.granted ?? 0, grants[i]?.leftMs ?? ask.perMs);
      }
    } catch (error) {
      this.#isAway = true;
      if (!(error instanceof Error) || error.name !== 'StoreUnavailable') this.#options.onFault(error);
      for (const { ask, state, answered } of asks) {
        const granted = ask.want > 0 ? this.#alone(state) : 0;
        answered(granted, this.#aloneFor(state));
      }
    }
  }

  /** Without the store: once in a short window, what falls to it of the limit. */
  #alone(state: State): number {
    if (state.isAlone) return 0;
    state.isAlone = true;
    state.until = 0;
    return shareOf(state.rate);
  }

  /** What is left of that window. */
  #aloneFor({ until }: State): number {
    return until > 0 ? Math.max(1, until - this.#options.now()) : ALONE_MS;
  }
}

function keyOf({ name }: Limit, id: string): string {
  return `${name}|${id}`;
}

function spend(state: State, count: number): void {
  state.tokens -= count;
  state.spent += count;
}

function borrow(state: State, count: number): void {
  state.debt += count;
  state.spent += count;
}

/**
 * The few of which the store was not told are forgotten sooner in short windows, or each who came would
 * be remembered for a minute: it gives away 6/256 of the limit at most.
 */
function isForgettable({ until, rate, usedAt }: State, now: number): boolean {
  return until === 0 && rate.perMs <= 6 * FORGET_MS && now - usedAt >= FORGET_MS;
}

/** What falls to the time for which a worker limits by itself. */
function shareOf({ count, perMs }: Rate): number {
  return Math.ceil((count * ALONE_MS) / Math.max(ALONE_MS, perMs));
}

/** Of a window that the store does not know: as if it had begun here. */
function endOf({ until, since, rate }: State): number {
  return until > 0 ? until : since + rate.perMs;
}
