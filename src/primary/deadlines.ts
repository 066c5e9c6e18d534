/**
 * Things that each have the same time from when they were added, oldest first.
 *
 * Pure; the time comes in as `now`. One sweep looks only at what is due, so ten thousand
 * waiting sockets cost no timer each.
 */
export class Deadlines<T> {
  readonly #timeMs: number;

  /** In the order they were added, which is the order in which they fall due. */
  readonly #dueAt = new Map<T, number>();

  constructor(timeMs: number) {
    this.#timeMs = timeMs;
  }

  get size(): number {
    return this.#dueAt.size;
  }

  has(item: T): boolean {
    return this.#dueAt.has(item);
  }

  add(item: T, now: number): void {
    this.#dueAt.delete(item);
    this.#dueAt.set(item, now + this.#timeMs);
  }

  /** Whether it was there. */
  delete(item: T): boolean {
    return this.#dueAt.delete(item);
  }

  /** The one that has waited longest. */
  oldest(): T | undefined {
    for (const item of this.#dueAt.keys()) return item;
    return undefined;
  }

  /** Takes out and returns what is due. */
  expire(now: number): T[] {
    const due: T[] = [];
    for (const [item, at] of this.#dueAt) {
      if (at > now) break;
      due.push(item);
    }
    for (const item of due) this.#dueAt.delete(item);
    return due;
  }

  /** Takes out and returns what fits. */
  take(fits: (item: T) => boolean): T[] {
    const taken = [...this.#dueAt.keys()].filter(fits);
    for (const item of taken) this.#dueAt.delete(item);
    return taken;
  }

  /** Takes out and returns everything. */
  clear(): T[] {
    const all = [...this.#dueAt.keys()];
    this.#dueAt.clear();
    return all;
  }
}
