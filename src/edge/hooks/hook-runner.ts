/**
 * Brings every room's log to one receiver: each entry at least once, in order per room, from a
 * cursor that the store keeps. One worker of all runs it.
 *
 *     due rooms ──▶ page after the cursor ──▶ sent ──▶ cursor moved ──▶ next page, until there is none
 *
 * Which rooms are due it hears from the heads that workers tell each other, and, for what was not
 * heard, from a look through all rooms now and then. A receiver that fails is left alone for a
 * while, longer each time; nothing waits for it but its own entries.
 */
import { nameOf, namespaceOf, type RoomId } from '../../chat/identity.ts';
import type { Position } from '../../protocol/words.ts';
import type { Store } from '../../chat/store.ts';
import { ChatError } from '../../protocol/errors.ts';

export interface HookRunnerOptions {
  /** Names the receiver in the store. */
  readonly hook: string;
  /** Rejects when it was not taken. `id`: the same when it is sent again. */
  readonly send: (id: string, event: object) => Promise<void>;
  readonly wait: (ms: number) => Promise<void>;
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown, againInMs: number) => void;
}

type HookStore = Pick<Store, 'page' | 'scanRooms' | 'hookPlaces' | 'moveHook' | 'registerHook'>;

/** Rooms that are sent of at once. */
const ROOMS_AT_ONCE = 16;
/** Rooms that are known to be due; of more the look through all tells. */
const MAX_DUE = 100_000;
const PAGE_ENTRIES = 100;
const PAGE_BYTES = 262_144;
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;

export class HookRunner {
  readonly #store: HookStore;
  readonly #options: HookRunnerOptions;
  readonly #due = new Set<RoomId>();
  readonly #running = new Map<RoomId, Promise<void>>();
  #registeredAt = 0;
  #failures = 0;
  #pause: Promise<void> | undefined;

  constructor(store: HookStore, options: HookRunnerOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Registers the receiver: it is told what is stored from now on, or from when it was registered first. */
  async open(): Promise<void> {
    this.#registeredAt = await this.#store.registerHook(this.#options.hook);
  }

  /** Something was stored in this room. */
  hear(room: RoomId): void {
    if (this.#due.size >= MAX_DUE && !this.#due.has(room)) return;
    this.#due.add(room);
    this.#start();
  }

  /** Looks through all rooms for entries that were not heard of. Rejects when the store does not answer. */
  async scan(): Promise<void> {
    const { hook, signal, wait } = this.#options;
    await this.#store.scanRooms(async (rooms) => {
      const places = await this.#store.hookPlaces(
        hook,
        rooms.map(({ room }) => room),
      );
      for (const [i, { room, epoch, head }] of rooms.entries()) {
        const place = places[i];
        if (head > 0 && (place === undefined || place.epoch !== epoch || place.seq < head)) this.hear(room);
      }
      while (this.#due.size >= MAX_DUE && !signal.aborted) await wait(RETRY_MS);
    }, signal);
  }

  /** Resolves when what is being sent is over. */
  async close(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  #start(): void {
    for (const room of this.#due) {
      if (this.#running.size >= ROOMS_AT_ONCE || this.#options.signal.aborted) return;
      // What is stored while a room is sent of is seen by the page after it, or heard again.
      if (this.#running.has(room)) continue;
      this.#due.delete(room);
      const run = this.#bring(room).finally(() => {
        this.#running.delete(room);
        this.#start();
      });
      this.#running.set(room, run);
    }
  }

  /** Never rejects: what fails is tried again. */
  async #bring(room: RoomId): Promise<void> {
    while (!this.#options.signal.aborted) {
      try {
        await this.#pause;
        while (await this.#step(room));
        this.#failures = 0;
        return;
      } catch (error) {
        if (error instanceof ChatError && error.code === 'not_found') return;
        if (this.#options.signal.aborted) return;
        this.#pauseAfter(error);
      }
    }
  }

  #pauseAfter(error: unknown): void {
    // All rooms of a receiver fail together; that is one failure.
    if (this.#pause !== undefined) return;
    const ms = Math.min(RETRY_MS * 2 ** this.#failures, RETRY_MAX_MS);
    this.#failures += 1;
    this.#options.onFailure(error, ms);
    this.#pause = this.#options.wait(ms).finally(() => {
      this.#pause = undefined;
    });
  }

  /** Sends one page; false: there was none. */
  async #step(room: RoomId): Promise<boolean> {
    const { hook, send } = this.#options;
    const [place] = await this.#store.hookPlaces(hook, [room]);
    const after = place ?? (await this.#firstPlace(room));
    const { start, losses, entries } = await this.#store.page(room, {
      after,
      limit: PAGE_ENTRIES,
      maxBytes: PAGE_BYTES,
    });
    const last = entries.at(-1);
    if (last === undefined && losses.length === 0) return false;
    const to: Position = { epoch: start.epoch, seq: last?.seq ?? start.seq };
    // The same entries have the same id, so that a receiver can tell that it had them.
    const id = `${hook}-${room}-${start.epoch}-${start.seq + 1}-${to.seq}`.replaceAll(
      /[^A-Za-z0-9_.-]/g,
      '_',
    );
    await send(id, {
      type: 'log',
      namespace: namespaceOf(room),
      room: nameOf(room),
      epoch: start.epoch,
      ...(losses.length === 0 ? {} : { lost: losses }),
      messages: entries.map(({ json }): unknown => JSON.parse(json)),
    });
    await this.#store.moveHook(hook, room, to);
    return last !== undefined;
  }

  /** Before the first entry since this receiver was registered: by halving, since times only grow. */
  async #firstPlace(room: RoomId): Promise<Position> {
    const { start, info } = await this.#pageOf(room, 0);
    let [before, from] = [start.seq, info.head + 1];
    while (from - before > 1) {
      const middle = Math.floor((before + from) / 2);
      const { entries } = await this.#pageOf(room, middle - 1, start.epoch);
      const [entry] = entries;
      const { at } = JSON.parse(entry?.json ?? '{"at":0}') as { at: number };
      if (at < this.#registeredAt) before = middle;
      else from = middle;
    }
    return before === 0 ? { epoch: '', seq: 0 } : { epoch: start.epoch, seq: before };
  }

  #pageOf(room: RoomId, seq: number, epoch = '') {
    const after = seq <= 0 ? { epoch: '', seq: 0 } : { epoch, seq };
    return this.#store.page(room, { after, limit: 1, maxBytes: 1 });
  }
}
