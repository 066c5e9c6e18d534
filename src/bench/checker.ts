/**
 * Whether one client got everything, once and in order.
 *
 * With seqs (our server) a client's stream is the room's log: dense from where its feed began.
 * Without (plain) there is no order between senders, so each sender's posts are a stream of
 * their own. A run in which any count is not zero is void.
 */
import type { Delivery } from './delivery.ts';

export interface Faults {
  /** Came after one with a higher number. */
  readonly reordered: number;
  /** Were jumped over and never came. */
  readonly holes: number;
  readonly repeats: number;
  /** The newest, missing at the end. */
  readonly losses: number;
}

export const NO_FAULTS: Faults = { reordered: 0, holes: 0, repeats: 0, losses: 0 };

export function addFaults(a: Faults, b: Faults): Faults {
  return {
    reordered: a.reordered + b.reordered,
    holes: a.holes + b.holes,
    repeats: a.repeats + b.repeats,
    losses: a.losses + b.losses,
  };
}

/** Numbers that should come as `from + 1`, `from + 2` … */
export class Stream {
  #last: number;
  readonly #missing = new Set<number>();
  #reordered = 0;
  #repeats = 0;

  constructor(from: number) {
    this.#last = from;
  }

  get last(): number {
    return this.#last;
  }

  take(number: number): void {
    if (number === this.#last + 1) {
      this.#last = number;
    } else if (number > this.#last) {
      for (let jumped = this.#last + 1; jumped < number; jumped += 1) this.#missing.add(jumped);
      this.#last = number;
    } else if (this.#missing.delete(number)) {
      this.#reordered += 1;
    } else {
      this.#repeats += 1;
    }
  }

  /** A dense run `first`…`last`: the common case in one step. */
  takeRun(first: number, last: number): void {
    if (first === this.#last + 1) this.#last = last;
    else for (let number = first; number <= last; number += 1) this.take(number);
  }

  /** `expected`: the newest number that there is. */
  faults(expected: number): Faults {
    return {
      reordered: this.#reordered,
      holes: this.#missing.size,
      repeats: this.#repeats,
      losses: Math.max(0, expected - this.#last),
    };
  }

  isAt(expected: number): boolean {
    return this.#last >= expected && this.#missing.size === 0;
  }
}

/** What a room has in all: the log's head, and how many each sender posted. */
export interface Expected {
  readonly head: number;
  readonly posted: ReadonlyMap<number, number>;
}

export class ClientChecker {
  /** The room's log, where the server numbers it. */
  readonly #log: Stream | undefined;
  readonly #senders = new Map<number, Stream>();

  /** `from`: the seq after which the feed began; undefined where there are no seqs. */
  constructor(from: number | undefined) {
    this.#log = from === undefined ? undefined : new Stream(from);
  }

  /** The newest seq, where the server numbers the log. */
  get last(): number | undefined {
    return this.#log?.last;
  }

  take({ posts, isDense }: Delivery): void {
    if (this.#log === undefined) {
      for (const { sender, number } of posts) this.#sender(sender).take(number);
      return;
    }
    const first = posts[0]?.seq;
    if (isDense && first !== undefined) this.#log.takeRun(first, first + posts.length - 1);
    else for (const { seq } of posts) this.#log.take(seq ?? 0);
  }

  hasAll({ head, posted }: Expected): boolean {
    if (this.#log !== undefined) return this.#log.isAt(head);
    return [...posted].every(([sender, count]) => this.#sender(sender).isAt(count));
  }

  faults({ head, posted }: Expected): Faults {
    if (this.#log !== undefined) return this.#log.faults(head);
    return [...posted]
      .map(([sender, count]) => this.#sender(sender).faults(count))
      .reduce(addFaults, NO_FAULTS);
  }

  #sender(sender: number): Stream {
    let stream = this.#senders.get(sender);
    if (stream === undefined) this.#senders.set(sender, (stream = new Stream(0)));
    return stream;
  }
}

/**
 * A room's log as this process saw it, across clients: one message per seq, and each
 * sender's posts in it once and in the order sent.
 */
export class LogChecker {
  readonly #bySeq = new Map<number, string>();
  #contradictions = 0;

  take({ posts }: Delivery): void {
    for (const { seq, sender, number } of posts) {
      if (seq === undefined) continue;
      const post = `${sender}-${number}`;
      const known = this.#bySeq.get(seq);
      if (known === undefined) this.#bySeq.set(seq, post);
      else if (known !== post) this.#contradictions += 1;
    }
  }

  /** Seqs that stood for two messages. */
  get contradictions(): number {
    return this.#contradictions;
  }

  /** Each sender's posts, read along the log. `mayOvertake`: some were refused and sent again. */
  senderFaults(mayOvertake: boolean): Faults {
    const streams = new Map<number, Stream>();
    for (const seq of [...this.#bySeq.keys()].sort((a, b) => a - b)) {
      const [sender, number] = (this.#bySeq.get(seq) ?? '').split('-').map(Number);
      if (sender === undefined || number === undefined) continue;
      let stream = streams.get(sender);
      if (stream === undefined) streams.set(sender, (stream = new Stream(0)));
      stream.take(number);
    }
    const faults = [...streams.values()]
      .map((stream) => stream.faults(stream.last))
      .reduce(addFaults, NO_FAULTS);
    return mayOvertake ? { ...faults, reordered: 0 } : faults;
  }
}
