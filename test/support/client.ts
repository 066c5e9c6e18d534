/** A person's client for tests: the stock socket.io-client, verbs of the domain, and a `Follower`. */
import type { Socket as TcpSocket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';
import type { ErrorBody } from '../../src/protocol/errors.ts';
import type { Limits } from '../../src/protocol/limits.ts';
import type { Lost, Message, Position, RoomState } from '../../src/protocol/words.ts';
import { Follower } from './follower.ts';

export interface ClientOptions {
  readonly user?: string;
  readonly token?: string;
  readonly device?: string;
  readonly positions?: Record<string, Position>;
  readonly subscribe?: boolean;
  readonly namespace?: string;
  readonly transports?: ('polling' | 'websocket')[];
  /** What a proxy says of where it comes from. */
  readonly forwardedFor?: string;
  /** Comes back by itself, from its positions. Default false. */
  readonly reconnects?: boolean;
}

export interface Welcome {
  readonly user: string;
  readonly name: string;
  readonly device?: string;
  readonly session: string;
  readonly rooms: RoomState[];
  readonly cursor?: string;
  readonly limits: Limits;
  readonly server: { readonly version: string; readonly adapter: string; readonly node: string };
}

export type Reply<T> = ({ ok: true } & T) | { ok: false; error: ErrorBody };

export interface PostReply {
  readonly room: string;
  readonly epoch: string;
  readonly seq: number;
  readonly at: number;
  readonly duplicate: boolean;
  readonly durability: string;
}

/** Requests whose reply starts a feed. */
const STARTS: ReadonlySet<string> = new Set(['room:join', 'room:create', 'dm:open']);

let made = 0;

/** A name no other test uses. */
export function fresh(prefix = 'r'): string {
  made += 1;
  return `${prefix}-${process.pid.toString(36)}-${made}-${Math.random().toString(36).slice(2, 8)}`;
}

export class RefusedError extends Error {
  readonly body: ErrorBody;
  constructor(body: ErrorBody) {
    super(`${body.code}: ${body.message}`);
    this.body = body;
  }
}

/** What a request was refused with. */
export async function refusalOf(asked: Promise<unknown>): Promise<RefusedError['body'] | 'ok'> {
  try {
    await asked;
    return 'ok';
  } catch (error) {
    return (error as RefusedError).body;
  }
}

export class ChatClient {
  readonly socket: Socket;
  readonly follower = new Follower();
  readonly events: { readonly event: string; readonly object: unknown }[] = [];
  readonly #options: ClientOptions;
  welcome!: Welcome;
  welcomes = 0;
  /** What befell the connection lately, for the message of a failure. */
  readonly #trail: string[] = [];

  private constructor(url: string, options: ClientOptions) {
    this.#options = options;
    const { user, token, device, positions, subscribe, forwardedFor } = options;
    this.socket = io(`${url}${options.namespace ?? ''}`, {
      transports: options.transports ?? ['websocket'],
      reconnection: options.reconnects ?? false,
      reconnectionDelay: 100,
      reconnectionDelayMax: 500,
      forceNew: true,
      ...(forwardedFor === undefined ? {} : { extraHeaders: { 'x-forwarded-for': forwardedFor } }),
      auth: (give) => {
        const own = this.welcomes > 0 ? this.follower.positions() : positions;
        give({ user, token, device, subscribe, ...(own === undefined ? {} : { positions: own }) });
      },
    });
    this.socket.on('welcome', (welcome: Welcome) => {
      this.welcome = welcome;
      this.welcomes += 1;
      // Only now: a connection that ended before its welcome gave nothing and took nothing.
      this.follower.reset();
      for (const state of welcome.rooms) this.follower.start(state);
    });
    this.socket.on('messages', (event) =>
      this.follower.onMessages(event as { room: string; epoch: string; messages: Message[] }),
    );
    this.socket.on('lost', (event) => this.follower.onLost(event as Lost));
    this.socket.on('room', (event: RoomState & { gone?: string }) => {
      if (event.gone === undefined) this.follower.start(event);
      else this.follower.stop(event.room);
    });
    this.socket.on('connect', () => this.#note(`connected ${this.socket.io.engine.id}`));
    this.socket.on('disconnect', (reason) => this.#note(`disconnected: ${reason}`));
    this.socket.on('connect_error', (error) => this.#note(`not connected: ${error.message}`));
    this.socket.io.on('reconnect_attempt', (attempt) => this.#note(`attempt ${attempt}`));
    this.socket.onAny((event: string, object: unknown) => {
      if (this.events.length < 10_000) this.events.push({ event, object });
    });
  }

  /** Resolves when welcomed; rejects with `RefusedError` when refused. */
  static async connect(url: string, options: ClientOptions): Promise<ChatClient> {
    const client = new ChatClient(url, options);
    await client.#welcomed();
    return client;
  }

  get user(): string {
    return this.#options.user ?? this.welcome.user;
  }

  /** The reply as it came, errors included. */
  request<T = object>(event: string, object: unknown): Promise<Reply<T>> {
    return new Promise((resolve, reject) => {
      this.socket.timeout(20_000).emit(event, object, (error: Error | null, reply: Reply<T>) => {
        if (error === null) {
          // At once: the feed's first messages may be in the very next packet.
          if (reply.ok && STARTS.has(event)) this.follower.start(reply as unknown as RoomState);
          resolve(reply);
        } else reject(new Error(`${event}: ${error.message}`));
      });
    });
  }

  /** All that `send` asks reaches the server in one piece; by WebSocket. */
  async inOneWrite<T>(send: () => readonly Promise<T>[]): Promise<T[]> {
    const { ws } = this.socket.io.engine.transport as unknown as { ws: { _socket: TcpSocket } };
    ws._socket.cork();
    const asked = send();
    // The client's engine writes one packet a turn.
    await pause(20);
    ws._socket.uncork();
    return Promise.all(asked);
  }

  /** The reply's fields; rejects with `RefusedError`. */
  async ask<T = object>(event: string, object: unknown): Promise<T> {
    const reply = await this.request<T>(event, object);
    if (!reply.ok) throw new RefusedError(reply.error);
    return reply;
  }

  join(room: string, after?: Position): Promise<RoomState> {
    return this.ask<RoomState>('room:join', after === undefined ? { room } : { room, after });
  }

  async leave(room: string): Promise<void> {
    await this.ask('room:leave', { room });
    this.follower.stop(room);
  }

  post(room: string, text: string, id: string = fresh('m')): Promise<PostReply> {
    return this.ask<PostReply>('message:post', { room, id, text });
  }

  /** Posts until it is stored, as a good client does: the same id again after a retryable refusal or a lost connection. */
  async postSurely(
    room: string,
    text: string,
    id: string = fresh('m'),
    untilMs = 60_000,
  ): Promise<PostReply> {
    return this.askSurely<PostReply>('message:post', { room, id, text }, untilMs);
  }

  /** As `requestSurely`; rejects with `RefusedError` when that is the answer. */
  async askSurely<T = object>(event: string, object: unknown, untilMs = 60_000): Promise<T> {
    const reply = await this.requestSurely<T>(event, object, untilMs);
    if (!reply.ok) throw new RefusedError(reply.error);
    return reply;
  }

  /** All that the server keeps of a room, page by page. */
  async log(room: string): Promise<Message[]> {
    const log: Message[] = [];
    for (let more = true; more; ) {
      const page = await this.askSurely<{ messages: Message[]; more: boolean }>('history', {
        room,
        after: log.at(-1)?.seq ?? 0,
        limit: 200,
      });
      log.push(...page.messages);
      ({ more } = page);
    }
    return log;
  }

  /** The same again until there is an answer that stands; the first may have been done all the same. */
  async requestSurely<T = object>(event: string, object: unknown, untilMs = 60_000): Promise<Reply<T>> {
    const end = Date.now() + untilMs;
    for (;;) {
      const reply = await this.#try<T>(event, object);
      if (reply?.ok === true || reply?.error.retry === false) return reply;
      if (Date.now() > end) {
        const told = reply === undefined ? 'no reply' : JSON.stringify(reply);
        throw new Error(
          `${this.user} has no answer to ${event} ${JSON.stringify(object)} within ${untilMs} ms: ${told}; ${this.#trail.join('; ')}`,
        );
      }
      await pause(reply?.error.retryAfterMs ?? 50);
    }
  }

  texts(room: string): string[] {
    return (this.follower.messages.get(room) ?? [])
      .filter((message) => message.kind === 'text')
      .map((message) => message.text ?? '');
  }

  messages(room: string): Message[] {
    return this.follower.messages.get(room) ?? [];
  }

  /** Resolves when the room's feed has reached `seq`. */
  reach(room: string, seq: number, withinMs = 10_000): Promise<void> {
    return until(
      () => (this.follower.position(room)?.seq ?? -1) >= seq,
      withinMs,
      () => `${this.user} is at ${JSON.stringify(this.follower.position(room))} of ${room}, not at ${seq}`,
    );
  }

  /** Resolves when an event that fits has come (or had come already). */
  async event(
    name: string,
    fits: (object: never) => boolean = () => true,
    withinMs = 10_000,
  ): Promise<unknown> {
    const find = () => this.events.find(({ event, object }) => event === name && fits(object as never));
    await until(
      () => find() !== undefined,
      withinMs,
      () => `no ${name} came`,
    );
    return find()?.object;
  }

  /** Cuts the connection without a word. */
  drop(): void {
    this.socket.io.engine?.close();
  }

  close(): void {
    this.socket.disconnect();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Undefined: the connection was lost, or no answer came. */
  #try<T>(event: string, object: unknown): Promise<Reply<T> | undefined> {
    return new Promise((resolve) => {
      if (!this.socket.connected) return resolve(undefined);
      const onDisconnect = (): void => resolve(undefined);
      this.socket.once('disconnect', onDisconnect);
      this.socket.timeout(10_000).emit(event, object, (error: Error | null, reply: Reply<T>) => {
        this.socket.off('disconnect', onDisconnect);
        if (error !== null) this.#note(`no answer to ${event} ${JSON.stringify(object)}`);
        resolve(error === null ? reply : undefined);
      });
    });
  }

  #note(what: string): void {
    if (this.#trail.length >= 30) this.#trail.shift();
    this.#trail.push(`${new Date().toISOString().slice(14, 23)} ${what}`);
  }

  #welcomed(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('welcome', () => resolve());
      const fail = (error: Error & { data?: ErrorBody }): void => {
        if (error.data?.code !== undefined) {
          this.socket.disconnect();
          reject(new RefusedError(error.data));
        } else if (this.#options.reconnects !== true) {
          this.socket.disconnect();
          reject(error);
        }
      };
      const lost = (reason: string): void =>
        fail(new Error(`the connection was lost before the welcome: ${reason}`));
      this.socket.on('connect_error', fail);
      this.socket.on('disconnect', lost);
      this.socket.once('welcome', () => {
        this.socket.off('connect_error', fail);
        this.socket.off('disconnect', lost);
      });
    });
  }
}

/** Resolves as soon as `condition` holds; looks every few milliseconds, gives up with `told()`. */
export async function until(condition: () => boolean, withinMs: number, told: () => string): Promise<void> {
  const end = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${told()} within ${withinMs} ms`);
    await pause(5);
  }
}
