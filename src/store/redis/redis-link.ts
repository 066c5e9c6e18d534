/**
 * Commands to Redis that are bounded in time and number, and what their failures mean.
 *
 * A lane is one server. When a lane owes an answer for longer than `commandMs`, what waits on
 * it is rejected and what comes after is refused at once, so that nothing is written any more
 * and the client's own timeout ends a dead link. The first answer opens it again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { ErrorReply } from 'redis';
import { StoreUnavailable } from '../../chat/store-unavailable.ts';
import type { RedisConnection } from '../../ops/redis-client.ts';
import { slotOf } from './keys.ts';
import type { Script } from './script.ts';

export interface LinkOptions {
  /** How long a command may take. Default 2 000. */
  readonly commandMs?: number | undefined;
  /** Commands that Redis has not answered. Default 20 000. */
  readonly maxOutstanding?: number | undefined;
}

interface Waiting {
  readonly since: number;
  reject(error: StoreUnavailable): void;
}

interface Lane {
  readonly name: string;
  readonly waiting: Set<Waiting>;
  isStalled: boolean;
}

/** Redis refuses for now: nothing was done, and it passes by itself or by an operator's hand. */
const REFUSALS =
  /^(LOADING|READONLY|OOM|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MISCONF|BUSY|NOREPLICAS|MOVED|ASK|NOAUTH|NOPERM|WRONGPASS|ERR max number of clients|UNBLOCKED)/;
const TRY_AGAIN_MS = 1_000;

/** What a failed command is: passing, or our own mistake (then as it came). */
export function failureOf(error: unknown, server: string): unknown {
  if (error instanceof StoreUnavailable) return error;
  const message = error instanceof Error ? error.message || error.name : String(error);
  if (error instanceof ErrorReply && !REFUSALS.test(message)) return error;
  return new StoreUnavailable(`Redis (${server}): ${message}`, { cause: error });
}

export class RedisLink {
  readonly #connection: RedisConnection;
  readonly #commandMs: number;
  readonly #maxOutstanding: number;
  readonly #lanes = new Map<string, Lane>();
  readonly #isCluster: boolean;
  #outstanding = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(connection: RedisConnection, { commandMs = 2_000, maxOutstanding = 20_000 }: LinkOptions = {}) {
    this.#connection = connection;
    this.#commandMs = commandMs;
    this.#maxOutstanding = maxOutstanding;
    this.#isCluster = connection.kind === 'cluster';
  }

  get isCluster(): boolean {
    return this.#isCluster;
  }

  get connection(): RedisConnection {
    return this.#connection;
  }

  /** One command on the server of `key`. */
  send(key: string, command: readonly string[]): Promise<unknown> {
    return this.#bounded(this.#laneOf(key), () => this.#connection.send(key, command));
  }

  /** A script; its first key routes it. Waits a little while a slot is on its way. */
  async run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const [key = ''] = keys;
    const began = performance.now();
    for (let waitMs = 10; ; waitMs *= 2) {
      try {
        return await this.#runOnce(script, key, keys, args);
      } catch (error) {
        const isMoving = error instanceof Error && reasonOf(error).startsWith('TRYAGAIN');
        if (!isMoving || performance.now() - began + waitMs > TRY_AGAIN_MS) throw error;
      }
      await pause(waitMs);
    }
  }

  /** A script on a server by its name, without keys that would route it. */
  async runOn(name: string, script: Script, args: readonly string[]): Promise<unknown> {
    const node = this.#connection.nodes().find((one) => one.name === name);
    if (node === undefined) throw new StoreUnavailable(`Redis (${name}) is not known any more`);
    const send = (command: readonly string[]): Promise<unknown> =>
      this.#bounded(this.#lane(name), () => node.send(command));
    try {
      return await send(script.byHash([], args));
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return send(script.byText([], args));
    }
  }

  /** The name of the server of this key. */
  nodeNameOf(key: string): string {
    return this.#connection.nodeNameOf(this.#isCluster ? slotOf(key) : 0);
  }

  /** The same on every server that takes writes; each its own outcome. */
  async onEachNode<T>(
    use: (send: (command: readonly string[]) => Promise<unknown>, name: string) => Promise<T>,
  ): Promise<PromiseSettledResult<T>[]> {
    const nodes = this.#connection.nodes();
    if (nodes.length === 0) throw new StoreUnavailable('Redis: no server is known');
    return Promise.allSettled(
      nodes.map(({ name, send }) =>
        use((command) => this.#bounded(this.#lane(name), () => send(command)), name),
      ),
    );
  }

  /** A connection was made anew: what was owed on the old one says nothing any more. */
  reopen(): void {
    for (const lane of this.#lanes.values()) lane.isStalled = false;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const error = new StoreUnavailable('the store is closed');
    for (const lane of this.#lanes.values()) for (const waiting of lane.waiting) waiting.reject(error);
    await this.#connection.close();
  }

  async #runOnce(
    script: Script,
    key: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    try {
      return await this.send(key, script.byHash(keys, args));
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return this.send(key, script.byText(keys, args));
    }
  }

  #bounded(lane: Lane, send: () => Promise<unknown>): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new StoreUnavailable('the store is closed'));
    if (lane.isStalled)
      return Promise.reject(new StoreUnavailable(`Redis (${lane.name}) has not answered for a while`));
    if (this.#outstanding >= this.#maxOutstanding)
      return Promise.reject(
        new StoreUnavailable(`Redis (${lane.name}) owes ${this.#outstanding} answers already`),
      );
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { since: performance.now(), reject };
      lane.waiting.add(waiting);
      this.#outstanding += 1;
      const settle = (): void => {
        lane.waiting.delete(waiting);
        // An answer, or the end of the connection: what comes next may be written again.
        lane.isStalled = false;
        this.#outstanding -= 1;
      };
      send().then(
        (reply) => {
          settle();
          resolve(reply);
        },
        (error: unknown) => {
          settle();
          reject(failureOf(error, lane.name));
        },
      );
      this.#watch();
    });
  }

  /** One timer for all: the oldest of a lane tells whether it is late. */
  #watch(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const now = performance.now();
      let isAnyWaiting = false;
      for (const lane of this.#lanes.values()) {
        for (const waiting of lane.waiting) {
          if (now - waiting.since < this.#commandMs) {
            isAnyWaiting = true;
            break;
          }
          lane.isStalled = true;
          waiting.reject(
            new StoreUnavailable(`Redis (${lane.name}) gave no answer for ${this.#commandMs} ms`),
          );
        }
      }
      if (isAnyWaiting) this.#watch();
    }, this.#commandMs / 8);
  }

  #laneOf(key: string): Lane {
    return this.#lane(this.nodeNameOf(key));
  }

  #lane(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = { name, waiting: new Set(), isStalled: false };
      this.#lanes.set(name, lane);
    }
    return lane;
  }
}

/** Redis' own words in an error, whether or not it was wrapped. */
function reasonOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}
