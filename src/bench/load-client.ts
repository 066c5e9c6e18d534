/**
 * One client of the load: Engine.IO and Socket.IO by hand over a FrameSocket.
 *
 * Connects, joins its room, posts, and hands what comes to checker and tally. It decides
 * nothing about when to post: `onDone` tells the load that a post has its answer and has come back
 * to its sender. Plain answers long before it delivers, so the answer alone would bound nothing.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { nowMicros } from './clock.ts';
import { ClientChecker, type LogChecker } from './checker.ts';
import { type Delivery, type FrameMemo, postId, postText } from './delivery.ts';
import { type ClientSocket, FrameSocket } from './frame-socket.ts';
import { PollSocket } from './poll-socket.ts';
import type { Tally } from './tally.ts';

export interface RoomParts {
  readonly room: string;
  readonly memo: FrameMemo;
  readonly log: LogChecker;
  readonly tally: Tally;
}

export type Transport = 'websocket' | 'polling';

export interface LoadClientOptions {
  readonly url: string;
  /** This client's number among all. */
  readonly index: number;
  readonly textBytes: number;
  readonly connectMs: number;
  readonly transport: Transport;
  readonly user: string;
}

/** An outage: what a client's recovery counts from, and how long it stays away before it tries. */
export interface Absence {
  readonly sinceMicros: number;
  readonly awayMs: number;
}

interface Outstanding {
  readonly number: number;
  readonly dueMicros: number;
}

const RETRY_MS = 20;
/** As the stock client does, a client that was cut waits up to that long before it tries again. */
const COME_BACK_MS = 500;
const COME_BACK_TRIES = 60;
const LOCAL_ADDRESSES = 8;
const WELCOME = '42["welcome",';
const MESSAGES = '42["messages",';
/** The ack id of the join; posts count from 1. */
const JOIN_ID = 0;

export class LoadClient {
  readonly index: number;
  readonly #parts: RoomParts;
  readonly #options: LoadClientOptions;
  /** Ack id → the post it answers. */
  readonly #outstanding = new Map<number, Outstanding>();
  /** Posts that have the answer and not the own copy, or the other way round. */
  readonly #half = new Set<number>();
  #socket: ClientSocket | undefined;
  #checker: ClientChecker | undefined;
  #nextAck = JOIN_ID + 1;
  #atMicros = 0;
  #settle: ((error?: Error) => void) | undefined;
  #epoch = '';
  /** Set: it comes back when its connection ends, and its recovery is measured. */
  #absence: Absence | undefined;
  /** The seq that it must have to have recovered; undefined while it is not welcomed. */
  #target: number | undefined;

  /** Highest number that was posted. */
  posted = 0;
  /** Highest seq that an ack named, 0 without seqs. */
  ackedSeq = 0;
  onDone: () => void = () => {};

  private constructor(options: LoadClientOptions, parts: RoomParts) {
    this.index = options.index;
    this.#options = options;
    this.#parts = parts;
  }

  /** Connected and joined when it resolves. */
  static async open(options: LoadClientOptions, parts: RoomParts): Promise<LoadClient> {
    const client = new LoadClient(options, parts);
    const begin = nowMicros();
    await client.#connect();
    parts.tally.joining.record(nowMicros() - begin);
    return client;
  }

  get outstanding(): number {
    return this.#outstanding.size;
  }

  get checker(): ClientChecker {
    if (this.#checker === undefined) throw new Error(`client ${this.index} has not joined`);
    return this.#checker;
  }

  /** Queues the next post; `flush` sends. */
  post(dueMicros: number): void {
    this.posted += 1;
    this.#send(this.#postFrame({ number: this.posted, dueMicros }), false);
    this.#parts.tally.countPost(dueMicros, nowMicros());
  }

  flush(): void {
    this.#socket?.flush();
  }

  close(): void {
    this.#absence = undefined;
    this.#socket?.close();
  }

  /** Joined, and what was cut off before is sent again: what is posted now comes after it. */
  get isConnected(): boolean {
    return this.#socket !== undefined && this.#settle === undefined;
  }

  /** From now on a connection that ends is opened again, and goes on where it was. */
  comeBack(absence: Absence): void {
    this.#absence = absence;
  }

  /** Cuts the connection without a word. */
  drop(): void {
    this.#socket?.close();
    this.#handleClose('dropped');
  }

  /** Joined when it resolves; a second time: welcomed, or joined again where there is no log. */
  async #connect(): Promise<void> {
    const { index, connectMs } = this.#options;
    const joined = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => this.#settle?.(new Error(`not joined within ${connectMs} ms`)),
        connectMs,
      );
      this.#settle = (error) => {
        clearTimeout(timer);
        this.#settle = undefined;
        if (error === undefined) resolve();
        else reject(new Error(`client ${index}: ${error.message}`, { cause: error }));
      };
    });
    // What fails before the socket is open is said by `open` and by its `onClose`.
    joined.catch(() => {});
    try {
      this.#socket = await this.#open();
      // The server's `0` may have come with the head, before there was a socket to answer on.
      this.#send(`40${JSON.stringify({ user: this.#options.user, ...this.#positions() })}`);
    } catch (error) {
      this.#settle?.(error instanceof Error ? error : new Error(String(error)));
    }
    await joined;
  }

  #open(): Promise<ClientSocket> {
    const { url, transport } = this.#options;
    const address = new URL(`/socket.io/?EIO=4&transport=${transport}`, url);
    const events = {
      onText: (bytes: Buffer, start: number, end: number) => this.#handleText(bytes, start, end),
      onRead: () => this.#handleRead(),
      onClose: (reason: string) => this.#handleClose(reason),
    };
    return transport === 'polling'
      ? PollSocket.open(address, events)
      : FrameSocket.open(address, events, localAddressFor(address, this.index));
  }

  #positions(): { positions?: Record<string, { epoch: string; seq: number }> } {
    const seq = this.#checker?.last;
    return seq === undefined ? {} : { positions: { [this.#parts.room]: { epoch: this.#epoch, seq } } };
  }

  async #return({ sinceMicros, awayMs }: Absence): Promise<void> {
    const { tally } = this.#parts;
    this.#target = undefined;
    await pause(Math.max(0, (sinceMicros - nowMicros()) / 1_000 + awayMs));
    for (let tries = 0; tries < COME_BACK_TRIES && this.#absence !== undefined; tries += 1) {
      await pause(Math.random() * COME_BACK_MS);
      try {
        await this.#connect();
        return;
      } catch (error) {
        tally.reasons.add(error instanceof Error ? error.message : String(error));
      }
    }
  }

  /** `head`: the newest seq when it was welcomed; undefined where nothing is numbered. */
  #handleReturn(head: number | undefined): void {
    this.#target = head ?? 0;
    this.#noteRecovery();
    // With their ids, so that what was stored is not stored twice.
    if (head === undefined) return;
    const again = [...this.#outstanding.values()];
    this.#outstanding.clear();
    for (const post of again) this.#send(this.#postFrame(post));
  }

  #noteRecovery(): void {
    const absence = this.#absence;
    if (this.#target === undefined || absence === undefined) return;
    if ((this.#checker?.last ?? this.#target) < this.#target) return;
    this.#target = undefined;
    const { tally } = this.#parts;
    tally.away -= 1;
    tally.recovery.record(nowMicros() - absence.sinceMicros - absence.awayMs * 1_000);
  }

  #postFrame(post: Outstanding): string {
    const ack = this.#nextAck;
    this.#nextAck += 1;
    this.#outstanding.set(ack, post);
    // Nothing in it needs escaping.
    const { room } = this.#parts;
    const text = postText(post.dueMicros, this.#options.textBytes);
    return `42${ack}["message:post",{"room":"${room}","id":"${postId(this.index, post.number)}","text":"${text}"}]`;
  }

  #send(text: string, now = true): void {
    this.#socket?.queue(text);
    if (now) this.#socket?.flush();
  }

  #handleText(bytes: Buffer, start: number, end: number): void {
    if (this.#atMicros === 0) this.#atMicros = nowMicros();
    const kind = bytes[start];
    // '2' alone: a ping; '4' '2' '[' …: an event; '4' '3': an ack; '4' '0': connected.
    if (kind === 0x32) return this.#send('3');
    if (kind !== 0x34) return;
    const packet = bytes[start + 1];
    if (packet === 0x32) return this.#handleEvent(bytes, start, end);
    if (packet === 0x33) return this.#handleAck(bytes.toString('latin1', start + 2, end));
    if (packet === 0x30) {
      // Whoever comes back to a log is welcomed to it; everybody else joins.
      if (this.#checker?.last === undefined)
        this.#send(`42${JOIN_ID}["room:join",{"room":"${this.#parts.room}"}]`);
    } else this.#handleClose(bytes.toString('utf8', start, Math.min(end, start + 300)));
  }

  #handleEvent(bytes: Buffer, start: number, end: number): void {
    const { memo, log, tally } = this.#parts;
    if (
      end - start > MESSAGES.length &&
      bytes.toString('latin1', start, start + MESSAGES.length) === MESSAGES
    ) {
      const delivery: Delivery = memo.read(bytes, start, end, (fresh) => log.take(fresh));
      this.checker.take(delivery);
      tally.countDelivery(delivery, this.#atMicros);
      for (const number of delivery.bySender.get(this.index) ?? []) this.#complete(number);
      if (this.#target !== undefined) this.#noteRecovery();
    } else if (
      this.#absence !== undefined &&
      this.#checker?.last !== undefined &&
      bytes.toString('latin1', start, Math.min(end, start + WELCOME.length)) === WELCOME
    ) {
      this.#handleWelcome(bytes.toString('utf8', start + 2, end));
    } else if (bytes.toString('latin1', start, Math.min(end, start + 9)) === '42["lost"') {
      tally.lostEvents += 1;
    }
  }

  #handleWelcome(text: string): void {
    const [, { rooms }] = JSON.parse(text) as [string, { rooms: { room: string; head: number }[] }];
    this.#handleReturn(rooms.find(({ room }) => room === this.#parts.room)?.head);
    this.#settle?.();
  }

  #handleAck(text: string): void {
    const bracket = text.indexOf('[');
    const id = Number(text.slice(0, bracket));
    const [reply] = JSON.parse(text.slice(bracket)) as [
      {
        ok: boolean;
        seq?: number;
        durability?: string;
        from?: { epoch: string; seq: number };
        error?: { code: string; message: string; retry: boolean };
      },
    ];
    if (id === JOIN_ID) {
      if (!reply.ok) return this.#settle?.(new Error(`room:join: ${JSON.stringify(reply.error)}`));
      const isBack = this.#checker !== undefined;
      this.#checker ??= new ClientChecker(reply.from?.seq);
      this.#epoch = reply.from?.epoch ?? '';
      this.#settle?.();
      if (isBack) this.#handleReturn(undefined);
      return;
    }
    const post = this.#outstanding.get(id);
    if (post === undefined) return;
    this.#outstanding.delete(id);
    const { tally } = this.#parts;
    if (!reply.ok) {
      tally.countRefusal(reply.error?.code ?? 'unknown', reply.error?.message ?? 'no reason');
      if (reply.error?.retry === true) setTimeout(() => this.#send(this.#postFrame(post)), RETRY_MS);
      return;
    }
    if (reply.seq !== undefined && reply.seq > this.ackedSeq) this.ackedSeq = reply.seq;
    if (reply.durability !== undefined) tally.durabilities.add(reply.durability);
    tally.countAck(post.dueMicros, this.#atMicros);
    this.#complete(post.number);
  }

  #complete(number: number): void {
    if (this.#half.delete(number)) this.onDone();
    else this.#half.add(number);
  }

  #handleRead(): void {
    this.#atMicros = 0;
    this.flush();
  }

  #handleClose(reason: string): void {
    const { tally } = this.#parts;
    const wasThere = this.#socket !== undefined && this.#settle === undefined;
    this.#socket = undefined;
    this.#settle?.(new Error(reason));
    if (!wasThere) return;
    tally.countClose(reason);
    if (this.#absence === undefined) return;
    if (this.#target === undefined) tally.away += 1;
    void this.#return(this.#absence);
  }
}

/** On Linux all of 127.0.0.0/8 is this machine. */
function localAddressFor({ hostname }: URL, index: number): string | undefined {
  return hostname === '127.0.0.1' ? `127.0.0.${1 + (index % LOCAL_ADDRESSES)}` : undefined;
}
