/**
 * The load of one process: its rooms with all their clients, the posts, and the check that
 * everybody got everything.
 *
 * A room lives in one process whole, so that its frames are parsed once and what must have
 * arrived is known here. Rules: a post counts from the time it was due; the window that is
 * measured lies inside the time of posting; afterwards it waits until all have everything, or
 * nothing comes any more.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { addFaults, type Expected, type Faults, LogChecker, NO_FAULTS } from './checker.ts';
import { nowMicros } from './clock.ts';
import { FrameMemo } from './delivery.ts';
import { type Absence, LoadClient, type RoomParts, type Transport } from './load-client.ts';
import { pace } from './pacer.ts';
import { Tally, type Window } from './tally.ts';

/** Part `part` of `parts`: the rooms whose number modulo `parts` is `part`. */
export interface LoadOptions {
  readonly url: string;
  /** In all processes. */
  readonly clients: number;
  /** In all processes; client n is in room n modulo `rooms`. */
  readonly rooms: number;
  readonly roomPrefix: string;
  readonly textBytes: number;
  /** Where another load is on the same server: a user gets all rooms of that name. Default `u`. */
  readonly userPrefix?: string | undefined;
  readonly part: number;
  readonly parts: number;
  /** Default `websocket`. */
  readonly transport?: Transport | undefined;
  /** Clients that connect at the same time. Default 25. */
  readonly connecting?: number | undefined;
  readonly connectMs?: number | undefined;
}

/** How posts come: so many not done at any time (see LoadClient), or so many a second. Of all processes. */
export type Pressure =
  | { readonly kind: 'outstanding'; readonly posts: number }
  | { readonly kind: 'rate'; readonly postsPerSecond: number };

/** Connections end, and come back: those of a worker that is killed, or all but one in each room. */
export interface Outage extends Absence {
  /** The load cuts them itself, all at `sinceMicros`; who stays in each room goes on posting. */
  readonly drops: boolean;
}

export interface RunOptions {
  readonly pressure: Pressure;
  readonly outage?: Outage | undefined;
  /** When posting begins. It ends with the window. */
  readonly beginMicros: number;
  readonly window: Window;
  /** Gives up when nothing has come for so long. Default 5 000. */
  readonly quietMs?: number | undefined;
}

/** Plain data: it crosses between processes. */
export interface LoadResult {
  readonly deliveries: number;
  readonly deliveredBytes: number;
  readonly frames: number;
  readonly acks: number;
  readonly allPosts: number;
  readonly allAcks: number;
  readonly allDeliveries: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly durabilities: readonly string[];
  readonly faults: Faults;
  /** Seqs that stood for two messages, posts without an answer, `lost` events, connections that ended. */
  readonly contradictions: number;
  readonly unanswered: number;
  readonly lostEvents: number;
  readonly closed: number;
  /** Clients that had not recovered at the end. */
  readonly away: number;
  readonly reasons: readonly string[];
  /** Of every client, from the first try to the answer to its join. */
  readonly joining: string;
  readonly recovery: string;
  readonly delivery: string;
  readonly ack: string;
  readonly lateness: string;
  readonly parsedFrames: number;
  readonly parsedMs: number;
}

interface Room {
  readonly parts: RoomParts;
  readonly clients: LoadClient[];
}

export class Load {
  readonly #tally: Tally;
  readonly #rooms: readonly Room[];
  readonly #memo: FrameMemo;
  readonly #ending = new AbortController();
  /** Who posts at a rate; undefined: everybody. */
  #posting: readonly LoadClient[] | undefined;

  private constructor(tally: Tally, memo: FrameMemo, rooms: readonly Room[]) {
    this.#tally = tally;
    this.#memo = memo;
    this.#rooms = rooms;
  }

  /** All clients of this part, connected and joined. */
  static async connect(options: LoadOptions): Promise<Load> {
    const { url, clients, rooms, roomPrefix, textBytes, part, parts } = options;
    const { connecting = 25, connectMs = 30_000, transport = 'websocket', userPrefix = 'u' } = options;
    const tally = new Tally();
    const memo = new FrameMemo();
    const made = new Map<number, Room>();
    for (let room = part; room < rooms; room += parts)
      made.set(room, {
        parts: { room: `${roomPrefix}${room}`, memo, log: new LogChecker(), tally },
        clients: [],
      });
    const waiting = Array.from({ length: clients }, (_, index) => index).filter((index) =>
      made.has(index % rooms),
    );
    const load = new Load(tally, memo, [...made.values()]);
    const connect = async (): Promise<void> => {
      for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
        const room = made.get(index % rooms);
        if (room === undefined) continue;
        const user = `${userPrefix}${index}`;
        room.clients.push(
          await LoadClient.open({ url, index, user, textBytes, connectMs, transport }, room.parts),
        );
      }
    };
    try {
      await Promise.all(Array.from({ length: connecting }, connect));
    } catch (error) {
      waiting.length = 0;
      load.close();
      throw error;
    }
    return load;
  }

  /** Posts, measures, waits for what is still under way, and says what came. */
  async run(
    { pressure, outage, beginMicros, window, quietMs = 5_000 }: RunOptions,
    part = 0,
    parts = 1,
  ): Promise<LoadResult> {
    this.#tally.measure(window);
    if (outage !== undefined) this.#expect(outage);
    await pause(Math.max(0, (beginMicros - nowMicros()) / 1_000));
    if (pressure.kind === 'rate') {
      await this.#postAtRate(pressure.postsPerSecond, beginMicros, window.untilMicros, part, parts);
    } else {
      await this.#keepOutstanding(pressure.posts, window.untilMicros, part, parts);
    }
    await this.#settle(quietMs);
    return this.#result();
  }

  /** When all are connected: a result that has only to do with that. */
  joined(): LoadResult {
    return this.#result();
  }

  /** Deliveries so far, for a person who waits. */
  get progress(): number {
    return this.#tally.allDeliveries;
  }

  close(): void {
    this.#ending.abort();
    for (const client of this.#clients) client.close();
  }

  get #clients(): LoadClient[] {
    return this.#rooms.flatMap(({ clients }) => clients);
  }

  #expect({ drops, ...absence }: Outage): void {
    for (const client of this.#clients) client.comeBack(absence);
    if (!drops) return;
    const dropped = this.#rooms.flatMap(({ clients }) => clients.slice(1));
    this.#posting = this.#rooms.flatMap(({ clients }) => clients.slice(0, 1));
    const timer = setTimeout(
      () => {
        for (const client of dropped) client.drop();
      },
      (absence.sinceMicros - nowMicros()) / 1_000,
    );
    this.#ending.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  /** Clients take turns, and a process that is `part` of `parts` has its own share of the times. */
  async #postAtRate(
    perSecond: number,
    begin: number,
    until: number,
    part: number,
    parts: number,
  ): Promise<void> {
    const everyMicros = (1e6 / perSecond) * parts;
    const clients = this.#posting ?? this.#clients;
    let turn = 0;
    const onDue = (dueMicros: number): void => {
      // Whoever is away misses its turn.
      for (let tries = 0; tries < clients.length; tries += 1) {
        const client = clients[turn % clients.length];
        turn += 1;
        if (client?.isConnected !== true) continue;
        client.post(dueMicros);
        client.flush();
        return;
      }
    };
    const times = { firstMicros: begin + (everyMicros * part) / parts, everyMicros, untilMicros: until };
    await pace(times, onDue, this.#ending.signal);
  }

  /** Each post that is done lets its client post again. Fewer posts than clients: only so many clients post. */
  async #keepOutstanding(posts: number, until: number, part: number, parts: number): Promise<void> {
    const own = Math.floor(posts / parts) + (part < posts % parts ? 1 : 0);
    const clients = this.#clients.sort((a, b) => a.index - b.index);
    for (const client of clients)
      client.onDone = () => {
        const now = nowMicros();
        if (now < until) client.post(now);
      };
    for (let i = 0; i < own; i += 1) clients[i % clients.length]?.post(nowMicros());
    for (const client of clients) client.flush();
    await pause(Math.max(0, (until - nowMicros()) / 1_000), undefined, { signal: this.#ending.signal });
  }

  async #settle(quietMs: number): Promise<void> {
    let before = -1;
    for (let quietSince = nowMicros(); (nowMicros() - quietSince) / 1_000 < quietMs; ) {
      if (this.#tally.away === 0 && this.#rooms.every(hasAll)) return;
      const now = this.#tally.allDeliveries + this.#tally.allAcks - this.#tally.away;
      if (now !== before) quietSince = nowMicros();
      before = now;
      await pause(50);
    }
  }

  #result(): LoadResult {
    const tally = this.#tally;
    const wasRefused = Object.keys(tally.refused).length > 0;
    const faults = this.#rooms.flatMap((room) => [
      ...room.clients.map((client) => client.checker.faults(expected(room))),
      room.parts.log.senderFaults(wasRefused),
    ]);
    const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    return {
      deliveries: tally.deliveries,
      deliveredBytes: tally.deliveredBytes,
      frames: tally.frames,
      acks: tally.acks,
      allPosts: tally.allPosts,
      allAcks: tally.allAcks,
      allDeliveries: tally.allDeliveries,
      refused: tally.refused,
      durabilities: [...tally.durabilities],
      faults: faults.reduce(addFaults, NO_FAULTS),
      contradictions: sum(this.#rooms.map(({ parts }) => parts.log.contradictions)),
      unanswered: sum(this.#clients.map((client) => client.outstanding)),
      lostEvents: tally.lostEvents,
      closed: tally.closed,
      away: tally.away,
      reasons: [...tally.reasons],
      joining: tally.joining.toText(),
      recovery: tally.recovery.toText(),
      delivery: tally.delivery.toText(),
      ack: tally.ack.toText(),
      lateness: tally.lateness.toText(),
      parsedFrames: this.#memo.parsed,
      parsedMs: this.#memo.parsedMs,
    };
  }
}

function expected({ clients }: Room): Expected {
  return {
    head: Math.max(0, ...clients.map((client) => client.ackedSeq)),
    posted: new Map(clients.map((client) => [client.index, client.posted])),
  };
}

function hasAll(room: Room): boolean {
  if (room.clients.some((client) => client.outstanding > 0)) return false;
  const all = expected(room);
  return room.clients.every((client) => client.checker.hasAll(all));
}
