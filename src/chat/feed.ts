/**
 * A worker's ordered view of one room's log: the place where order, no loss and no repeat
 * (G1–G3, G5) are decided.
 *
 * It owns the last position handed on. Batches come in from anywhere, late, twice or not at
 * all; what continues the position is handed on, what was had is thrown away, what lies ahead
 * is held while the store is asked for what is missing. Epochs come from the store alone. It
 * does not own catching up: that is each subscription's (subscription.ts).
 *
 * Rule: an entry that ends a membership is applied before anything with a later seq is handed
 * on; and after anything was jumped over, every receiver is checked again by a page of its own.
 */
import { ChatError } from '../protocol/errors.ts';
import type { Position } from '../protocol/words.ts';
import { entriesAfter, messagesJson } from './batch.ts';
import { endedBy, endingOf } from './endings.ts';
import type { Entry, SystemAction } from './entry.ts';
import type { FeedContext, FeedLimits } from './feed-context.ts';
import type { RoomId } from './identity.ts';
import type { MessagesEvent } from './outlet.ts';
import { presentEpoch, settle } from './position.ts';
import { RecentEntries } from './recent-entries.ts';
import type { Batch, Page, PageRequest, RoomHead } from './store-types.ts';
import type { Subscription } from './subscription.ts';

/** Actions of `system` entries that change what a room's state says: for their user, or for all. */
const CHANGES: ReadonlySet<string> = new Set(['role', 'set']);

export class Feed {
  readonly room: RoomId;
  readonly #context: FeedContext;
  readonly #onEmpty: (feed: Feed) => void;

  #position: Position;
  readonly #live = new Set<Subscription>();
  /** All subscriptions, live or catching up. */
  readonly #all = new Set<Subscription>();
  /** What continues the position and goes out with the next turn, without a hole. */
  #due: (readonly Entry[])[] = [];
  /** Batches that lie ahead of a gap. */
  #held: Batch[] = [];
  /** Up to the position. */
  readonly #recent: RecentEntries;
  #repair: Promise<void> | undefined;
  #isRepairDue = false;
  /** The highest seq of this epoch that was heard of. */
  #known = 0;
  #isGapWatched = false;
  /** What is due waits until entries may be handed on. */
  #isHeldBack = false;
  #isClosed = false;

  /** `onEmpty`: the last subscription is gone. */
  constructor(room: RoomId, position: Position, context: FeedContext, onEmpty: (feed: Feed) => void) {
    this.room = room;
    this.#position = position;
    this.#context = context;
    this.#recent = new RecentEntries(context.limits);
    this.#onEmpty = onEmpty;
  }

  /** Everything up to here was handed on. */
  get position(): Position {
    return this.#position;
  }

  get limits(): FeedLimits {
    return this.#context.limits;
  }

  get wait(): FeedContext['wait'] {
    return this.#context.wait;
  }

  get onFault(): FeedContext['onFault'] {
    return this.#context.onFault;
  }

  add(subscription: Subscription): void {
    this.#all.add(subscription);
  }

  remove(subscription: Subscription): void {
    this.#live.delete(subscription);
    this.#all.delete(subscription);
    if (this.#all.size === 0) this.#onEmpty(this);
  }

  close(): void {
    this.#isClosed = true;
    this.#due = [];
    this.#held = [];
  }

  /** A batch from a commit here, or from the adapter. */
  offer(batch: Batch): void {
    const first = batch.entries[0]?.seq;
    if (first === undefined || this.#isClosed) return;
    if (batch.epoch !== this.#position.epoch) return this.#askStore();
    const reached = this.#reached;
    if (first > reached + 1) {
      if (this.#held.length < this.limits.maxHeld) this.#held.push(batch);
      return this.#watchGap(first);
    }
    const entries = entriesAfter(batch.entries, reached);
    if (entries.length > 0) this.#plan(entries);
    if (this.#held.length > 0) this.#releaseHeld();
  }

  /** Hands on what is due. */
  readonly flush = (): void => {
    if (this.#due.length === 0) return;
    if (!this.isGood) return this.#flushWhenGood();
    const due = this.#due;
    this.#due = [];
    this.#handOn(due.length === 1 ? (due[0] ?? []) : due.flat());
  };

  /** Something beside the log, to all sockets that are not skipped; a slow one misses it. */
  pass(event: string, object: object, skips: (subscription: Subscription) => boolean): void {
    const encoded = this.#context.encodeEvent(this.room, event, object);
    for (const subscription of this.#all) {
      const { outlet } = subscription;
      if (!skips(subscription) && outlet.admit(encoded.bytes)) outlet.messages(encoded);
    }
  }

  /** Whether entries may be handed on now. */
  get isGood(): boolean {
    return this.#context.isGood();
  }

  /** Resolves in a turn in which they may. */
  async good(): Promise<void> {
    while (!this.isGood && !this.#isClosed)
      await new Promise<void>((resolve) => this.#context.whenGood(resolve));
  }

  /** Someone says where the room's log ends. It may be late, so a lower head means nothing. */
  hear(head: RoomHead): void {
    if (head.epoch !== this.#position.epoch) this.#askStore();
    else if (head.head > this.#reached) this.#watchGap(head.head);
  }

  /**
   * The store said where the log ends; `asked` is where this feed stood when it was asked. A
   * head below that means that the store lost writes.
   */
  check(head: RoomHead | undefined, asked: Position): void {
    if (head === undefined || head.epoch !== this.#position.epoch) this.#askStore();
    else if (head.head < asked.seq && asked.epoch === head.epoch) this.#askStore();
    else if (head.head > this.#reached) this.#watchGap(head.head);
  }

  /** Reads what is missing from the store. Resolves when done or failed; the next check tries again. */
  repair(): Promise<void> {
    this.#isRepairDue = true;
    this.#repair ??= this.#runRepair().finally(() => {
      this.#repair = undefined;
      // Asked for behind the last look and before this.
      if (this.#isRepairDue && !this.#isClosed) this.#askStore();
    });
    return this.#repair;
  }

  /** Whether a position that the store gave lies beyond what this feed has handed on. */
  isBehind(position: Position): boolean {
    this.flush();
    return position.epoch !== this.#position.epoch || position.seq > this.#position.seq;
  }

  /** A `messages` event of this room. */
  encode(epoch: string, entries: readonly Entry[]): MessagesEvent {
    return this.#context.encode(this.room, epoch, messagesJson(entries));
  }

  /** A page of this room; all reads of a worker go through one gate. */
  read(request: PageRequest): Promise<Page> {
    return this.#context.reads.run(() => this.#context.store.page(this.room, request));
  }

  /** A page that a subscription read: the feed may not know its entries yet. */
  learn(page: Page): void {
    const last = page.entries.at(-1);
    if (last !== undefined) this.offer({ epoch: page.start.epoch, entries: page.entries });
    else if (page.start.epoch !== this.#position.epoch) this.#askStore();
  }

  /**
   * Takes a subscription among the live ones if, in this tick, it has everything that the feed
   * handed on, or the recent entries can fill what it misses.
   */
  admit(subscription: Subscription, position: Position): boolean {
    if (position.epoch !== this.#position.epoch || position.seq > this.#position.seq) return false;
    if (position.seq < this.#position.seq) {
      const missing = this.#recent.after(position.seq);
      if (missing === undefined || missing.length > this.limits.maxBatch) return false;
      if (missing.some((entry) => endedBy(entry, subscription.user))) return false;
      if (!this.#sendTo(subscription, missing)) return false;
    }
    this.#live.add(subscription);
    return true;
  }

  /** Everything up to here was handed on or is due. */
  get #reached(): number {
    return this.#due.at(-1)?.at(-1)?.seq ?? this.#position.seq;
  }

  #plan(entries: readonly Entry[]): void {
    // While nothing may be handed on: so many wait, the rest is read when it may.
    if (this.#due.length >= this.limits.maxHeld && !this.isGood)
      return this.#watchGap(entries.at(-1)?.seq ?? 0);
    this.#due.push(entries);
    if (this.#due.length === 1) this.#context.inTurn(this.flush);
    else if (this.#due.length >= this.limits.maxHeld) this.flush();
  }

  #flushWhenGood(): void {
    if (this.#isHeldBack) return;
    this.#isHeldBack = true;
    this.#context.whenGood(() => {
      this.#isHeldBack = false;
      this.flush();
    });
  }

  #sendTo(subscription: Subscription, entries: readonly Entry[]): boolean {
    const event = this.encode(this.#position.epoch, entries);
    if (!subscription.outlet.admit(event.bytes)) return false;
    subscription.outlet.messages(event);
    return true;
  }

  /** `entries` continue the position. */
  #handOn(entries: readonly Entry[]): void {
    let start = 0;
    for (let i = 0; i < entries.length; i += 1) {
      const entry = entries[i];
      if (entry === undefined || endingOf(entry) === undefined) continue;
      this.#deliver(entries.slice(start, i));
      start = i;
      this.#endMemberships(entry);
    }
    this.#deliver(start === 0 ? entries : entries.slice(start));
    for (const { system } of entries) if (system !== undefined) this.#tellOfChange(system);
  }

  /** After the entry itself: what the room's state says now. */
  #tellOfChange({ action, user }: SystemAction): void {
    if (!CHANGES.has(action)) return;
    for (const subscription of this.#all)
      if (user === undefined || subscription.user === user) subscription.changed();
  }

  /** Ends the memberships that the entry is about; those that began after it stay. */
  #endMemberships(entry: Entry): void {
    const reason = endingOf(entry);
    if (reason === undefined) return;
    for (const subscription of this.#all) {
      if (endedBy(entry, subscription.user) && subscription.point.seq < entry.seq) subscription.end(reason);
    }
  }

  /** The room was deleted. */
  #endAll(): void {
    for (const subscription of this.#all) subscription.end('deleted');
  }

  #deliver(entries: readonly Entry[]): void {
    for (let at = 0; at < entries.length; at += this.limits.maxBatch) {
      const part =
        entries.length <= this.limits.maxBatch ? entries : entries.slice(at, at + this.limits.maxBatch);
      if (this.#live.size > 0) {
        const event = this.encode(this.#position.epoch, part);
        for (const subscription of this.#live) {
          if (subscription.outlet.admit(event.bytes)) subscription.outlet.messages(event);
          else this.#demote(subscription);
        }
      }
      this.#position = { epoch: this.#position.epoch, seq: part.at(-1)?.seq ?? this.#position.seq };
      this.#recent.add(part);
    }
  }

  /** Back to catching up, from what it was handed on last. */
  #demote(subscription: Subscription): void {
    this.#live.delete(subscription);
    subscription.demote(this.#position);
  }

  /** Has a subscription's right to the room checked by a page of its own. */
  recheck(subscription: Subscription): void {
    if (this.#live.has(subscription)) this.#demote(subscription);
  }

  #releaseHeld(): void {
    const held = this.#held.toSorted((a, b) => (a.entries[0]?.seq ?? 0) - (b.entries[0]?.seq ?? 0));
    this.#held = [];
    for (const batch of held) this.offer(batch);
  }

  #askStore(): void {
    void this.repair();
  }

  /** Entries up to `seq` exist: what has not come by itself in a moment is read. */
  #watchGap(seq: number): void {
    this.#known = Math.max(this.#known, seq);
    if (this.#repair !== undefined) this.#isRepairDue = true;
    if (this.#isGapWatched || this.#repair !== undefined) return;
    this.#isGapWatched = true;
    const target = this.#known;
    void this.wait(this.limits.gapGraceMs).then(() => {
      this.#isGapWatched = false;
      if (this.#isClosed) return;
      this.flush();
      if (this.#position.seq < target) this.#askStore();
      else if (this.#position.seq < this.#known) this.#watchGap(this.#known);
    });
  }

  async #runRepair(): Promise<void> {
    while (this.#isRepairDue && !this.#isClosed) {
      this.#isRepairDue = false;
      this.flush();
      try {
        const { maxBatch: limit, maxPageBytes: maxBytes } = this.limits;
        const page = await this.read({ after: this.#position, limit, maxBytes });
        await this.good();
        if (this.#isClosed) return;
        this.#apply(page);
        if (page.entries.length > 0 && page.info.head > this.#position.seq) this.#isRepairDue = true;
      } catch (error) {
        if (isNotFound(error)) this.#endAll();
        // The next head or batch asks again; an outage is the store's to report.
        if (!isExpected(error)) this.#context.onFault(error);
        return;
      }
    }
  }

  /** The feed may have moved on since the page was asked for, so it is settled against now. */
  #apply(page: Page): void {
    this.flush();
    const { position, losses } = settle(page.info, this.#position);
    if (losses.length > 0 || position.epoch !== this.#position.epoch) {
      // Whoever is live is told of the loss, and its membership checked, by a page of its own.
      for (const subscription of this.#live) this.#demote(subscription);
      this.#recent.forget();
      this.#held = [];
      this.#known = 0;
      this.#position = position;
    }
    const entries = entriesAfter(page.entries, this.#position.seq);
    this.#context.onRepair?.(this.room, entries.length);
    if (
      entries[0]?.seq === this.#position.seq + 1 &&
      presentEpoch(page.info.chain) === this.#position.epoch
    ) {
      this.#handOn(entries);
    }
    if (this.#held.length > 0) this.#releaseHeld();
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof ChatError && error.code === 'not_found';
}

function isExpected(error: unknown): boolean {
  return error instanceof Error && (error.name === 'StoreUnavailable' || error.name === 'ChatError');
}
