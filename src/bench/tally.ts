/**
 * What a load process counts: within the window that is measured, and over the whole run.
 *
 * The window is the same for all processes, by the host's clock, so that deliveries and CPU
 * time are about the same seconds.
 */
import type { Delivery } from './delivery.ts';
import { Latency } from './latency.ts';

export interface Window {
  readonly fromMicros: number;
  readonly untilMicros: number;
}

const MAX_REASONS = 5;

export class Tally {
  readonly delivery = new Latency();
  readonly ack = new Latency();
  /** How late the load itself sent what was due. */
  readonly lateness = new Latency();
  /** From the first try to the answer to the join. */
  readonly joining = new Latency();
  /** From the end of an outage until a client had what was there when it was welcomed. */
  readonly recovery = new Latency();
  readonly #refused = new Map<string, number>();
  #window: Window = { fromMicros: Number.POSITIVE_INFINITY, untilMicros: 0 };

  /** In the window. */
  deliveries = 0;
  deliveredBytes = 0;
  frames = 0;
  acks = 0;

  /** In the whole run. */
  allDeliveries = 0;
  allAcks = 0;
  allPosts = 0;
  lostEvents = 0;
  closed = 0;
  /** Connections that ended and are not to come back, or have not yet. */
  away = 0;
  readonly durabilities = new Set<string>();
  readonly reasons = new Set<string>();

  measure(window: Window): void {
    this.#window = window;
  }

  get refused(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#refused);
  }

  isMeasured(atMicros: number): boolean {
    return atMicros >= this.#window.fromMicros && atMicros < this.#window.untilMicros;
  }

  countDelivery({ posts, groups, bytes }: Delivery, atMicros: number): void {
    this.allDeliveries += posts.length;
    if (!this.isMeasured(atMicros)) return;
    this.deliveries += posts.length;
    this.deliveredBytes += bytes;
    this.frames += 1;
    for (const { dueMicros, count } of groups) this.delivery.record(atMicros - dueMicros, count);
  }

  countAck(dueMicros: number, atMicros: number): void {
    this.allAcks += 1;
    if (!this.isMeasured(atMicros)) return;
    this.acks += 1;
    this.ack.record(atMicros - dueMicros);
  }

  countPost(dueMicros: number, atMicros: number): void {
    this.allPosts += 1;
    if (this.isMeasured(atMicros)) this.lateness.record(atMicros - dueMicros);
  }

  /** `why`: for a person; the first few different ones are kept. */
  countRefusal(code: string, why: string): void {
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
    this.#note(`${code}: ${why}`);
  }

  countClose(reason: string): void {
    this.closed += 1;
    this.#note(reason);
  }

  #note(reason: string): void {
    if (this.reasons.size < MAX_REASONS) this.reasons.add(reason);
  }
}
