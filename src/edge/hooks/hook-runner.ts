/**
 * Brings every room's log to one receiver: each entry at least once, in order per room, from a
 * cursor that the store keeps. One worker of all runs it.
 *
 *     due rooms ──▶ page after the cursor ──▶ sent ──▶ cursor moved ──▶ next page, until there is none
 *
 * Which rooms are due it hears from the heads that workers tell each other, and, for what was not
 * heard, from a look through all rooms now and then; those come behind. A receiver that fails is
 * left alone for a while, longer each time; nothing waits for it but its own entries, and the room
 * that failed goes behind the others. Of a room whose page it does not want (4xx) it is sent
 * smaller ones, and only that room waits.
 */
import { nameOf, namespaceOf, type RoomId } from '../../chat/identity.ts';
import type { Position } from '../../protocol/words.ts';
import type { Store } from '../../chat/store.ts';
import { ChatError } from '../../protocol/errors.ts';
import { HookRefused } from './hook-sender.ts';

export interface HookRunnerOptions {
  /** Names the receiver in the store. */
  readonly hook: string;
  /** Rejects when it was not taken. `id`: the same when it is sent again. */
  readonly send: (id: string, event: object) => Promise<void>;
  readonly wait: (ms: number) => Promise<void>;
  readonly signal: AbortSignal;
  /** `room`: it waits alone. */
  readonly onFailure: (error: unknown, againInMs: number, room?: RoomId) => void;
}

/** Of a room of which the receiver does not want what it is sent. */
interface Refused {
  /** Entries of the next page. */
  limit: number;
  failures: number;
  isWaiting: boolean;
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
  /** Heard of, and found by a look through all. */
  readonly #due = new Set<RoomId>();
  readonly #found = new Set<RoomId>();
  readonly #refused = new Map<RoomId, Refused>();
  /** Entries of a page that was sent, and may have been taken: the next one has as many, under the same id. */
  readonly #unsure = new Map<RoomId, number>();
  readonly #running = new Map<RoomId, Promise<void>>();
  #registeredAt = 0;
  #failures = 0;
  #pause: Promise<void> | undefined;
  #isScanning = false;

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
    this.#add(this.#due, room);
  }

  #add(rooms: Set<RoomId>, room: RoomId): void {
    if (this.#refused.get(room)?.isWaiting === true) return;
    if (rooms.size >= MAX_DUE && !rooms.has(room)) return;
    rooms.add(room);
    this.#start();
  }

  /** Looks through all rooms for entries that were not heard of. Rejects when the store does not answer. */
  async scan(): Promise<void> {
    if (this.#isScanning) return;
    this.#isScanning = true;
    try {
      await this.#scan();
    } finally {
      this.#isScanning = false;
    }
  }

  async #scan(): Promise<void> {
    const { hook, signal, wait } = this.#options;
    await this.#store.scanRooms(async (rooms) => {
      const places = await this.#store.hookPlaces(
        hook,
        rooms.map(({ room }) => room),
      );
      for (const [i, { room, epoch, head }] of rooms.entries()) {
        const place = places[i];
        if (head > 0 && (place === undefined || place.epoch !== epoch || place.seq < head))
          this.#add(this.#found, room);
      }
      while (this.#found.size >= MAX_DUE && !signal.aborted) await wait(RETRY_MS);
    }, signal);
  }

  /** Resolves when what is being sent is over. */
  async close(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  #start(): void {
    for (const room of this.#next()) {
      if (this.#running.size >= ROOMS_AT_ONCE || this.#options.signal.aborted) return;
      // What is stored while a room is sent of is seen by the page after it, or heard again.
      if (this.#running.has(room)) continue;
      this.#due.delete(room);
      this.#found.delete(room);
      const run = this.#bring(room).finally(() => {
        this.#running.delete(room);
        this.#start();
      });
      this.#running.set(room, run);
    }
  }

  *#next(): Generator<RoomId> {
    yield* this.#due;
    yield* this.#found;
  }

  /** Never rejects: what fails is tried again, behind the others. */
  async #bring(room: RoomId): Promise<void> {
    await this.#pause;
    if (this.#options.signal.aborted) return;
    try {
      while (await this.#step(room));
      this.#failures = 0;
    } catch (error) {
      if (this.#options.signal.aborted) return;
      if (error instanceof ChatError && error.code === 'not_found') {
        this.#refused.delete(room);
        this.#unsure.delete(room);
      } else if (error instanceof HookRefused) {
        this.#refuse(room, error);
      } else {
        this.#pauseAfter(error);
        // Behind what was heard and what was found: such rooms must not be all that it is sent.
        this.#due.delete(room);
        this.#found.delete(room);
        this.#add(this.#found, room);
      }
    }
  }

  /** Others have its turn meanwhile. */
  #refuse(room: RoomId, error: HookRefused): void {
    // What was heard of it meanwhile waits too.
    this.#due.delete(room);
    this.#found.delete(room);
    this.#unsure.delete(room);
    const refused = this.#refused.get(room) ?? { limit: PAGE_ENTRIES, failures: 0, isWaiting: true };
    // So many rooms that it does not want: the rest are found again.
    if (this.#refused.size >= MAX_DUE && !this.#refused.has(room)) return;
    this.#refused.set(room, refused);
    refused.isWaiting = true;
    const ms = Math.min(RETRY_MS * 2 ** refused.failures, RETRY_MAX_MS);
    if (refused.limit > 1) refused.limit = Math.ceil(refused.limit / 4);
    else refused.failures += 1;
    this.#options.onFailure(error, ms, room);
    void this.#options.wait(ms).then(() => {
      refused.isWaiting = false;
      this.hear(room);
    });
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
      limit: this.#unsure.get(room) ?? this.#refused.get(room)?.limit ?? PAGE_ENTRIES,
      maxBytes: PAGE_BYTES,
    });
    const last = entries.at(-1);
    if (last === undefined && losses.length === 0) {
      // All of it is from before: it is not looked through again.
      if (place === undefined && after.seq > 0)
        await this.#store.moveHook(hook, room, { from: place, to: after });
      return false;
    }
    const to: Position = { epoch: start.epoch, seq: last?.seq ?? start.seq };
    // The same entries have the same id, so that a receiver can tell that it had them.
    const id = `${hook}-${room}-${start.epoch}-${start.seq + 1}-${to.seq}`.replaceAll(
      /[^A-Za-z0-9_.-]/g,
      '_',
    );
    if (last !== undefined && this.#unsure.size < MAX_DUE) this.#unsure.set(room, entries.length);
    await send(id, {
      type: 'log',
      namespace: namespaceOf(room),
      room: nameOf(room),
      epoch: start.epoch,
      ...(losses.length === 0 ? {} : { lost: losses }),
      messages: entries.map(({ json }): unknown => JSON.parse(json)),
    });
    await this.#store.moveHook(hook, room, { from: place, to });
    this.#unsure.delete(room);
    this.#taken(room);
    return last !== undefined;
  }

  #taken(room: RoomId): void {
    const refused = this.#refused.get(room);
    if (refused === undefined) return;
    refused.failures = 0;
    refused.limit *= 2;
    if (refused.limit >= PAGE_ENTRIES) this.#refused.delete(room);
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
