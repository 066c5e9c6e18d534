/** Many clients at once: joined, posting, and held to one order afterwards. */
import { setTimeout as pause } from 'node:timers/promises';
import { ChatClient, until, type PostReply } from '../support/client.ts';
import type { Report } from './scenario.ts';

/** Posts of one client that are not answered. */
const AT_ONCE = 3;

export interface CrowdOptions {
  readonly clients: number;
  readonly rooms: number;
  /** Every so-many-th client uses long polling; 0: none. */
  readonly pollingEvery: number;
  readonly prefix: string;
}

export interface Posted {
  readonly client: number;
  readonly room: string;
  readonly id: string;
  readonly reply: PostReply;
}

export class Crowd implements AsyncDisposable {
  readonly clients: ChatClient[] = [];
  readonly rooms: string[];
  readonly posted: Posted[] = [];
  /** When the acknowledgements of `postUntil` came, ms since 1970. */
  readonly ackTimes: number[] = [];
  /** How long each of those posts took, tries again included. */
  readonly postMs: number[] = [];
  readonly #options: CrowdOptions;

  private constructor(options: CrowdOptions) {
    this.#options = options;
    this.rooms = Array.from({ length: options.rooms }, (_, i) => `${options.prefix}-room-${i}`);
  }

  /** Connects a few at a time and joins each client to one room. */
  static async gather(urls: readonly string[], options: CrowdOptions): Promise<Crowd> {
    const crowd = new Crowd(options);
    const indexes = Array.from({ length: options.clients }, (_, i) => i);
    for (let at = 0; at < indexes.length; at += 40) {
      await Promise.all(indexes.slice(at, at + 40).map((i) => crowd.#add(urls[i % urls.length] ?? '', i)));
    }
    return crowd;
  }

  roomOf(client: number): string {
    return this.rooms[client % this.rooms.length] ?? '';
  }

  user(client: number): string {
    return `${this.#options.prefix}-u${client}`;
  }

  async #add(url: string, i: number): Promise<void> {
    const { pollingEvery } = this.#options;
    const transports =
      pollingEvery > 0 && i % pollingEvery === 0 ? (['polling'] as const) : (['websocket'] as const);
    const client = await ChatClient.connect(url, {
      user: this.user(i),
      transports: [...transports],
      reconnects: true,
    });
    await client.join(this.roomOf(i));
    this.clients[i] = client;
  }

  /** Everybody posts at once, each with so many outstanding; returns when all are acknowledged. */
  async postAll(total: number, outstanding: number): Promise<void> {
    let next = 0;
    const work = async (client: number): Promise<void> => {
      for (;;) {
        const n = next;
        if (n >= total) return;
        next += 1;
        const room = this.roomOf(client);
        const id = `p${n}`;
        const reply = await this.clients[client]?.postSurely(room, `text ${n} of ${client}`, id);
        if (reply !== undefined) this.posted.push({ client, room, id, reply });
      }
    };
    await Promise.all(
      this.clients.flatMap((_, client) => Array.from({ length: outstanding }, () => work(client))),
    );
  }

  /** Everybody posts until `end`, so many a second together. */
  postUntil(end: number, perSecond: number): Promise<void> {
    return this.#postWhile(() => Date.now() < end, perSecond);
  }

  postUntilAborted(signal: AbortSignal, perSecond: number): Promise<void> {
    return this.#postWhile(() => !signal.aborted, perSecond);
  }

  /** Each with as many as `AT_ONCE` outstanding: who was held up makes up for it. */
  async #postWhile(goesOn: () => boolean, perSecond: number): Promise<void> {
    const everyMs = (1_000 * AT_ONCE * this.clients.length) / perSecond;
    const work = async (client: ChatClient, i: number, hand: number): Promise<void> => {
      let due = Date.now() + Math.random() * everyMs;
      for (let k = 0; goesOn(); k += 1) {
        await pause(Math.max(0, due - Date.now()));
        due += everyMs;
        const id = `u${hand}.${k}`;
        const room = this.roomOf(i);
        const began = performance.now();
        const reply = await client.postSurely(room, `text ${k} of ${i}`, id);
        this.postMs.push(performance.now() - began);
        this.posted.push({ client: i, room, id, reply });
        this.ackTimes.push(Date.now());
      }
    };
    await Promise.all(
      this.clients.flatMap((client, i) =>
        Array.from({ length: AT_ONCE }, (_, hand) => work(client, i, hand)),
      ),
    );
  }

  /** Resolves when every client has everything that was acknowledged. */
  async settle(withinMs: number): Promise<void> {
    for (const [room, head] of this.heads()) {
      for (const [i, client] of this.clients.entries()) {
        if (this.roomOf(i) === room) await client.reach(room, head, withinMs);
      }
    }
  }

  heads(): Map<string, number> {
    const heads = new Map<string, number>();
    for (const { room, reply } of this.posted) heads.set(room, Math.max(heads.get(room) ?? 0, reply.seq));
    return heads;
  }

  /** One order for everybody, nothing lost or twice, every acknowledgement true (G1–G4). */
  verify(report: Report): void {
    const heads = this.heads();
    for (const [i, client] of this.clients.entries()) {
      const room = this.roomOf(i);
      report.same(`client ${i}: no hole, no repeat`, client.follower.faults.slice(0, 3), []);
      const seqs = client.messages(room).map((message) => message.seq);
      report.claim(
        `client ${i}: dense from 1 to the head`,
        seqs.length === (heads.get(room) ?? 0) && seqs[0] === 1,
        `${seqs.length} of ${heads.get(room)}`,
      );
    }
    for (const room of this.rooms) {
      const views = this.clients
        .filter((_, i) => this.roomOf(i) === room)
        .map((client) =>
          client
            .messages(room)
            .map((message) => `${message.from} ${message.id}`)
            .join(),
        );
      report.claim(`${room}: one order for everybody`, new Set(views).size === 1);
    }
    for (const room of this.rooms) {
      const log = this.clients.find((_, i) => this.roomOf(i) === room)?.messages(room) ?? [];
      const ids = new Set(log.map((message) => `${message.from} ${message.id}`));
      report.claim(`${room}: every message once`, ids.size === log.length, `${ids.size} of ${log.length}`);
    }
    const wrong = this.posted.flatMap(({ client, room, id, reply }) => {
      const entry = this.clients[client]?.messages(room)[reply.seq - 1];
      const isSame = entry?.id === id && entry.from === this.user(client) && entry.at === reply.at;
      return isSame ? [] : [{ id, reply, entry }];
    });
    report.claim(
      'every acknowledgement names the entry that everybody got',
      wrong.length === 0,
      `${wrong.length} of ${this.posted.length} do not: ${JSON.stringify(wrong.slice(0, 3))}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.close();
    await until(
      () => this.clients.every((client) => !client.socket.connected),
      5_000,
      () => 'clients still connected',
    );
  }
}
