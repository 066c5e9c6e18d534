/**
 * One client of the load: Engine.IO and Socket.IO by hand over a FrameSocket.
 *
 * Connects, joins its room, posts, and hands what comes to checker and tally. It decides
 * nothing about when to post: `onDone` tells the load that a post has its answer and has come back
 * to its sender. Plain answers long before it delivers, so the answer alone would bound nothing.
 */
import { nowMicros } from './clock.ts';
import { ClientChecker, type LogChecker } from './checker.ts';
import { type Delivery, type FrameMemo, postId, postText } from './delivery.ts';
import { FrameSocket } from './frame-socket.ts';
import type { Tally } from './tally.ts';

export interface RoomParts {
  readonly room: string;
  readonly memo: FrameMemo;
  readonly log: LogChecker;
  readonly tally: Tally;
}

export interface LoadClientOptions {
  readonly url: string;
  /** This client's number among all. */
  readonly index: number;
  readonly textBytes: number;
  readonly connectMs: number;
}

interface Outstanding {
  readonly number: number;
  readonly dueMicros: number;
}

const RETRY_MS = 20;
const MESSAGES = '42["messages",';
/** The ack id of the join; posts count from 1. */
const JOIN_ID = 0;

export class LoadClient {
  readonly index: number;
  readonly #parts: RoomParts;
  readonly #textBytes: number;
  /** Ack id → the post it answers. */
  readonly #outstanding = new Map<number, Outstanding>();
  /** Posts that have the answer and not the own copy, or the other way round. */
  readonly #half = new Set<number>();
  #socket: FrameSocket | undefined;
  #checker: ClientChecker | undefined;
  #nextAck = JOIN_ID + 1;
  #atMicros = 0;
  #settle: ((error?: Error) => void) | undefined;

  /** Highest number that was posted. */
  posted = 0;
  /** Highest seq that an ack named, 0 without seqs. */
  ackedSeq = 0;
  onDone: () => void = () => {};

  private constructor({ index, textBytes }: LoadClientOptions, parts: RoomParts) {
    this.index = index;
    this.#textBytes = textBytes;
    this.#parts = parts;
  }

  /** Connected and joined when it resolves. */
  static async open(options: LoadClientOptions, parts: RoomParts): Promise<LoadClient> {
    const client = new LoadClient(options, parts);
    const joined = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => client.#settle?.(new Error(`not joined within ${options.connectMs} ms`)),
        options.connectMs,
      );
      client.#settle = (error) => {
        clearTimeout(timer);
        client.#settle = undefined;
        if (error === undefined) resolve();
        else reject(new Error(`client ${options.index}: ${error.message}`, { cause: error }));
      };
    });
    try {
      client.#socket = await FrameSocket.open(new URL('/socket.io/?EIO=4&transport=websocket', options.url), {
        onText: (bytes, start, end) => client.#handleText(bytes, start, end),
        onRead: () => client.#handleRead(),
        onClose: (reason) => client.#handleClose(reason),
      });
      // The server's `0` may have come with the head, before there was a socket to answer on.
      client.#send(`40${JSON.stringify({ user: `u${options.index}` })}`);
    } catch (error) {
      client.#settle?.(error instanceof Error ? error : new Error(String(error)));
    }
    await joined;
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
    this.#socket?.close();
  }

  #postFrame(post: Outstanding): string {
    const ack = this.#nextAck;
    this.#nextAck += 1;
    this.#outstanding.set(ack, post);
    // Nothing in it needs escaping.
    const { room } = this.#parts;
    const text = postText(post.dueMicros, this.#textBytes);
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
    if (packet === 0x30) this.#send(`42${JOIN_ID}["room:join",{"room":"${this.#parts.room}"}]`);
    else this.#handleClose(bytes.toString('utf8', start, Math.min(end, start + 300)));
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
    } else if (bytes.toString('latin1', start, Math.min(end, start + 9)) === '42["lost"') {
      tally.lostEvents += 1;
    }
  }

  #handleAck(text: string): void {
    const bracket = text.indexOf('[');
    const id = Number(text.slice(0, bracket));
    const [reply] = JSON.parse(text.slice(bracket)) as [
      {
        ok: boolean;
        seq?: number;
        durability?: string;
        from?: { seq: number };
        error?: { code: string; retry: boolean };
      },
    ];
    if (id === JOIN_ID) {
      if (!reply.ok) return this.#settle?.(new Error(`room:join: ${JSON.stringify(reply.error)}`));
      this.#checker = new ClientChecker(reply.from?.seq);
      return this.#settle?.();
    }
    const post = this.#outstanding.get(id);
    if (post === undefined) return;
    this.#outstanding.delete(id);
    const { tally } = this.#parts;
    if (!reply.ok) {
      tally.countRefusal(reply.error?.code ?? 'unknown');
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
    this.#settle?.(new Error(reason));
    this.#parts.tally.countClose(reason);
  }
}
