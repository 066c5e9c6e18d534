/**
 * How many sessions each worker has, so that new ones go where there are fewest.
 *
 * Pure; the time comes in as `now`. An assignment counts from the moment it is made, because
 * the worker's report comes a round trip later and a burst would all go to one (TRAPS 1.1).
 * It becomes a session when the report comes, and is forgotten when none does.
 */
export interface BalanceOptions {
  /** How long an assignment counts without a report of its session. Default 10 000. */
  readonly unreportedMs?: number | undefined;
}

interface Load {
  /** Sessions that the worker reported and that have not ended. */
  open: number;
  /** Until when each unreported assignment counts, oldest first. */
  assigned: number[];
  /** The turn in which it was last chosen; among equals the one that waited longest is next. */
  turn: number;
}

export class Balance {
  readonly #unreportedMs: number;
  readonly #loads = new Map<number, Load>();
  #turn = 0;

  constructor({ unreportedMs = 10_000 }: BalanceOptions = {}) {
    this.#unreportedMs = unreportedMs;
  }

  /** The worker with the fewest sessions; undefined when there are no candidates. */
  least(workers: Iterable<number>, now: number): number | undefined {
    let best: number | undefined;
    let bestCount = Infinity;
    let bestTurn = Infinity;
    for (const worker of workers) {
      const load = this.#loadOf(worker);
      const count = this.#count(load, now);
      if (count < bestCount || (count === bestCount && load.turn < bestTurn)) {
        best = worker;
        bestCount = count;
        bestTurn = load.turn;
      }
    }
    return best;
  }

  /** The next in turn, for a request that begins no session. */
  next(workers: Iterable<number>): number | undefined {
    let best: number | undefined;
    let bestTurn = Infinity;
    for (const worker of workers) {
      const { turn } = this.#loadOf(worker);
      if (turn < bestTurn) {
        best = worker;
        bestTurn = turn;
      }
    }
    if (best !== undefined) this.#takeTurn(this.#loadOf(best));
    return best;
  }

  /** A connection that should become a session goes to this worker. */
  assign(worker: number, now: number): void {
    const load = this.#loadOf(worker);
    load.assigned.push(now + this.#unreportedMs);
    this.#takeTurn(load);
  }

  /** A connection that was assigned did not get there after all. */
  unassign(worker: number): void {
    this.#loads.get(worker)?.assigned.pop();
  }

  opened(worker: number): void {
    const load = this.#loadOf(worker);
    load.open += 1;
    load.assigned.shift();
  }

  closed(worker: number): void {
    const load = this.#loads.get(worker);
    if (load !== undefined && load.open > 0) load.open -= 1;
  }

  /** The worker is gone. */
  forget(worker: number): void {
    this.#loads.delete(worker);
  }

  count(worker: number, now: number): number {
    const load = this.#loads.get(worker);
    return load === undefined ? 0 : this.#count(load, now);
  }

  #count(load: Load, now: number): number {
    let expired = 0;
    while (expired < load.assigned.length && (load.assigned[expired] ?? Infinity) <= now) expired += 1;
    if (expired > 0) load.assigned.splice(0, expired);
    return load.open + load.assigned.length;
  }

  #loadOf(worker: number): Load {
    let load = this.#loads.get(worker);
    if (load === undefined) {
      load = { open: 0, assigned: [], turn: 0 };
      this.#loads.set(worker, load);
    }
    return load;
  }

  #takeTurn(load: Load): void {
    this.#turn += 1;
    load.turn = this.#turn;
  }
}
