/**
 * What one `messages` frame says, read once per room and process.
 *
 * Every client of a room gets the same bytes, so a frame is parsed when it is first seen and
 * its other copies are recognised by comparing bytes. Otherwise `JSON.parse` in the load
 * would be the limit of the measurement.
 */
import { performance } from 'node:perf_hooks';

/** A post as the load makes it: who, its how manieth, and when it was due. */
export interface Post {
  /** The sender's number among all clients. */
  readonly sender: number;
  /** 1, 2, 3 … per sender. */
  readonly number: number;
  readonly dueMicros: number;
}

export interface DeliveredPost extends Post {
  /** Of the room's log; undefined where the server gives none (plain). */
  readonly seq: number | undefined;
}

/** Messages that were due at (nearly) the same time: they share a latency. */
export interface DueGroup {
  readonly dueMicros: number;
  count: number;
}

export interface Delivery {
  readonly posts: readonly DeliveredPost[];
  /** The seqs ascend by one. */
  readonly isDense: boolean;
  readonly groups: readonly DueGroup[];
  /** The numbers of each sender's posts in it. */
  readonly bySender: ReadonlyMap<number, readonly number[]>;
  readonly bytes: number;
}

/** Within one frame, dues this close are recorded as one latency. */
const GROUP_MICROS = 20;
/** Enough of a frame to tell it from nearly every other; the rest is compared. */
const KEY_BYTES = 192;
const DUE_DIGITS = 14;

/** `<due> <filling>`: always `textBytes` long, at least 16. */
export function postText(dueMicros: number, textBytes: number): string {
  return `${String(Math.round(dueMicros)).padStart(DUE_DIGITS, '0')} `.padEnd(textBytes, 'lorem ipsum ');
}

export function postId(sender: number, number: number): string {
  return `${sender}-${number}`;
}

function readPost(message: unknown): DeliveredPost {
  const { seq, id, text } = message as { seq?: number; id?: string; text?: string };
  const dash = id?.indexOf('-') ?? -1;
  const sender = id?.slice(0, dash);
  const number = id?.slice(dash + 1);
  const post = {
    seq,
    sender: Number(sender),
    number: Number(number),
    dueMicros: Number(text?.slice(0, DUE_DIGITS)),
  };
  if (!Number.isInteger(post.sender) || !Number.isInteger(post.number) || Number.isNaN(post.dueMicros))
    throw new Error(`a message that the load did not post: ${JSON.stringify(message)}`);
  return post;
}

function parseFrame(bytes: Buffer, start: number, end: number): Delivery {
  const json = bytes.toString('utf8', bytes.indexOf('[', start), end);
  const [, event] = JSON.parse(json) as [string, { messages?: unknown[] }];
  const posts = (event.messages ?? []).map(readPost);
  const groups: DueGroup[] = [];
  const bySender = new Map<number, number[]>();
  for (const { dueMicros, sender, number } of posts) {
    const numbers = bySender.get(sender);
    if (numbers === undefined) bySender.set(sender, [number]);
    else numbers.push(number);
    const last = groups.at(-1);
    if (last !== undefined && Math.abs(last.dueMicros - dueMicros) <= GROUP_MICROS) last.count += 1;
    else groups.push({ dueMicros, count: 1 });
  }
  const first = posts[0]?.seq;
  const isDense = first !== undefined && posts.every(({ seq }, i) => seq === first + i);
  return { posts, isDense, groups, bySender, bytes: end - start };
}

export interface FrameMemoOptions {
  /** Bytes of frames that are remembered; the oldest go first. Default 64 MB. */
  readonly maxBytes?: number | undefined;
}

export class FrameMemo {
  readonly #maxBytes: number;
  /** The beginning of a frame → those that begin so. */
  readonly #known = new Map<string, { readonly bytes: Buffer; readonly delivery: Delivery }[]>();
  #knownBytes = 0;

  /** How many frames had to be parsed. */
  parsed = 0;
  /** Milliseconds spent on parsing. */
  parsedMs = 0;

  constructor({ maxBytes = 64 * 1_048_576 }: FrameMemoOptions = {}) {
    this.#maxBytes = maxBytes;
  }

  read(bytes: Buffer, start: number, end: number, onNew: (delivery: Delivery) => void): Delivery {
    const key = bytes.toString('latin1', start, Math.min(end, start + KEY_BYTES));
    const alike = this.#known.get(key);
    for (const { bytes: known, delivery } of alike ?? []) {
      if (known.length !== end - start) continue;
      if (known.length <= KEY_BYTES || bytes.compare(known, 0, known.length, start, end) === 0)
        return delivery;
    }
    const before = performance.now();
    const delivery = parseFrame(bytes, start, end);
    this.parsed += 1;
    this.parsedMs += performance.now() - before;
    const entry = { bytes: Buffer.from(bytes.subarray(start, end)), delivery };
    if (alike === undefined) this.#known.set(key, [entry]);
    else alike.push(entry);
    this.#knownBytes += end - start;
    this.#forget();
    onNew(delivery);
    return delivery;
  }

  #forget(): void {
    for (const [key, entries] of this.#known) {
      if (this.#knownBytes <= this.#maxBytes) return;
      this.#known.delete(key);
      for (const { bytes } of entries) this.#knownBytes -= bytes.length;
    }
  }
}
