/**
 * The connections on their way to one worker.
 *
 * Node passes one handle at a time and holds back every other message to that worker
 * meanwhile (TRAPS 1.2). So only a few are given to Node at once and the rest waits here,
 * where it can still go to another worker when this one stalls or dies.
 */
import type { Connection } from './connection.ts';
import { isGone } from './connection.ts';
import { closerOf } from './socket-handle.ts';
import type { OnSent } from './sticky-router.ts';

/** How many handles Node may hold: enough to keep its channel busy. */
const MAX_IN_HAND = 4;

export interface LaneEvents {
  /** Gives the connection to Node for the worker. */
  send(connection: Connection, onSent: OnSent): void;
  /** It could not be sent. */
  onReturned(connection: Connection): void;
}

export class Lane {
  readonly #events: LaneEvents;
  readonly #queue: Connection[] = [];
  /** Given to Node and not heard of since; with what closes Node's copy of the handle. */
  readonly #inHand = new Map<Connection, () => void>();
  /** Closes the handle that left last: the one that the worker may not have confirmed. */
  #closeLast: (() => void) | undefined;

  /** What Node holds, those taken back included: while it grows no shorter the worker is stalled. */
  #held = 0;
  /** When one last got through, or when the first came into the empty lane. */
  #movedAt = 0;
  #isClosed = false;

  constructor(events: LaneEvents) {
    this.#events = events;
  }

  get #isEmpty(): boolean {
    return this.#queue.length === 0 && this.#held === 0;
  }

  add(connection: Connection, now: number): void {
    if (this.#isEmpty) this.#movedAt = now;
    this.#queue.push(connection);
    this.#pump();
  }

  /** How long nothing has moved although something waits. */
  stalledMs(now: number): number {
    return this.#isEmpty ? 0 : now - this.#movedAt;
  }

  /**
   * Takes back what has not left yet and fits. What Node holds is taken too: when its turn
   * comes there, a socket whose handle has gone elsewhere is left out.
   */
  takeBack(fits: (connection: Connection) => boolean): Connection[] {
    const taken: Connection[] = [];
    // One that is gone stays: if its worker dies before it has confirmed it, we close it.
    for (const connection of this.#inHand.keys())
      if (fits(connection) && !isGone(connection.socket)) taken.push(connection);
    for (const connection of taken) this.#inHand.delete(connection);
    for (const connection of this.#queue.splice(0)) (fits(connection) ? taken : this.#queue).push(connection);
    return taken.filter(({ socket }) => !isGone(socket));
  }

  /** The worker is gone: nothing is sent any more. Returns what has not left. */
  close(): Connection[] {
    this.#isClosed = true;
    this.#closeLast?.();
    for (const [{ socket }, close] of this.#inHand) if (isGone(socket)) close();
    return this.takeBack(() => true);
  }

  #pump(): void {
    while (!this.#isClosed && this.#held < MAX_IN_HAND) {
      const connection = this.#queue.shift();
      if (connection === undefined) return;
      if (isGone(connection.socket)) continue;
      this.#inHand.set(connection, closerOf(connection.socket));
      this.#held += 1;
      this.#events.send(connection, (error) => this.#handleSent(connection, error));
    }
  }

  #handleSent(connection: Connection, error: Error | null): void {
    this.#held -= 1;
    const close = this.#inHand.get(connection);
    // It may have been taken back meanwhile.
    const isOurs = this.#inHand.delete(connection);
    if (isOurs && error === null) this.#closeLast = close;
    if (isOurs && error !== null && !isGone(connection.socket)) this.#events.onReturned(connection);
    this.#movedAt = performance.now();
    this.#pump();
  }
}
