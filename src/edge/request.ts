/**
 * From an event of a client to its handler and back: shape, limits, the answer, and errors.
 *
 * Every request with a callback is answered, whatever it was; nothing that a client sends can
 * throw past this file.
 */
import { randomBytes } from 'node:crypto';
import type { RequestName, RequestOf, RequestSchemas } from '../protocol/requests.ts';
import { checkShape, parse } from '../protocol/requests.ts';
import { StoreUnavailable } from '../chat/store-unavailable.ts';
import { ChatError, type ErrorBody } from '../protocol/errors.ts';
import type { Caller, ChatContext, EdgeLog } from './chat-context.ts';

/** A reply's fields besides `ok`, and what is to be done right after it was sent. */
export interface Answer {
  readonly reply: object;
  readonly after?: (() => void) | undefined;
}

/** Undefined: it answers what was asked by itself. */
export type Handler<N extends RequestName> = (
  context: ChatContext,
  caller: Caller,
  request: RequestOf<N>,
  asked: Asked,
) => Promise<Answer> | undefined;
export type Handlers = { readonly [N in RequestName]: Handler<N> };

type Callback = (reply: object) => void;

/** A request under way; it is answered once, one way or the other. Nothing here throws. */
export class Asked {
  readonly #event: unknown;
  readonly #callback: Callback | undefined;
  readonly #requests: Pick<Requests, 'answered'>;
  readonly #log: EdgeLog;

  constructor(
    event: unknown,
    callback: Callback | undefined,
    requests: Pick<Requests, 'answered'>,
    log: EdgeLog,
  ) {
    this.#event = event;
    this.#callback = callback;
    this.#requests = requests;
    this.#log = log;
  }

  /** The whole reply. */
  reply(reply: object): void {
    this.#requests.answered();
    try {
      this.#callback?.(reply);
    } catch (error) {
      this.#onFault(error);
    }
  }

  answer({ reply, after }: Answer): void {
    this.reply({ ok: true, ...reply });
    try {
      after?.();
    } catch (error) {
      this.#onFault(error);
    }
  }

  refuse(error: unknown): void {
    this.reply({ ok: false, error: errorBody(error, this.#log, String(this.#event)) });
  }

  /** What fails with the answer is ours: the client has nothing more to hear of it. */
  #onFault(error: unknown): void {
    this.#log.error({ error }, 'our fault, with an answer');
  }
}

const DRAINING = new ChatError('draining', 'this connection is about to end; reconnect');

function tooMany(limit: number): ChatError {
  return new ChatError('busy', `${limit} requests of this socket are unanswered, the limit (maxOutstanding)`);
}

export class Dispatcher {
  readonly #context: ChatContext;
  readonly #schemas: RequestSchemas;
  readonly #handlers: Handlers;

  constructor(context: ChatContext, schemas: RequestSchemas, handlers: Handlers) {
    this.#context = context;
    this.#schemas = schemas;
    this.#handlers = handlers;
  }

  get log(): EdgeLog {
    return this.#context.log;
  }

  get maxOutstanding(): number {
    return this.#context.settings.limits.maxOutstanding;
  }

  answer(caller: Caller, event: unknown, args: readonly unknown[], asked: Asked): void {
    try {
      this.#begin(caller, event, args, asked)?.then(
        (answer) => asked.answer(answer),
        (error: unknown) => asked.refuse(error),
      );
    } catch (error) {
      asked.refuse(error);
    }
  }

  /** Whether there is such a request. */
  isKnown(event: string): boolean {
    return Object.hasOwn(this.#handlers, event);
  }

  /** Throws what is wrong with the request itself. */
  #begin(
    caller: Caller,
    event: unknown,
    args: readonly unknown[],
    asked: Asked,
  ): Promise<Answer> | undefined {
    if (typeof event !== 'string' || !this.isKnown(event)) {
      throw new ChatError('bad_request', `there is no request ${JSON.stringify(String(event).slice(0, 64))}`);
    }
    if (args.length > 1)
      throw new ChatError('bad_request', `a request has one object; got ${args.length} arguments`);
    return this.#handle(event as RequestName, caller, args[0], asked);
  }

  #handle<N extends RequestName>(
    name: N,
    caller: Caller,
    input: unknown,
    asked: Asked,
  ): Promise<Answer> | undefined {
    const { limits, settings } = this.#context;
    const { userId } = caller.session;
    limits.request(userId);
    checkShape(input, settings.limits.maxDepth);
    limits.bytes(userId, () => Buffer.byteLength(JSON.stringify(input ?? {})));
    const request = parse(this.#schemas[name], input ?? {});
    return this.#handlers[name](this.#context, caller, request as RequestOf<N>, asked);
  }
}

/** What one socket asks. There are as many as connections, so it has no closures. */
export class Requests {
  readonly #dispatcher: Dispatcher;
  readonly #caller: Caller;
  #outstanding = 0;
  #onFinished: (() => void) | undefined;

  constructor(dispatcher: Dispatcher, caller: Caller) {
    this.#dispatcher = dispatcher;
    this.#caller = caller;
  }

  isKnown(event: string): boolean {
    return this.#dispatcher.isKnown(event);
  }

  ask(event: unknown, args: readonly unknown[], callback: Callback | undefined): void {
    const { log, maxOutstanding } = this.#dispatcher;
    const refusal =
      this.#onFinished !== undefined
        ? DRAINING
        : this.#outstanding >= maxOutstanding
          ? tooMany(maxOutstanding)
          : undefined;
    if (refusal !== undefined) return callback?.({ ok: false, error: refusal.body });
    this.#outstanding += 1;
    this.#dispatcher.answer(this.#caller, event, args, new Asked(event, callback, this, log));
  }

  /** An event as Socket.IO hands it on: the last argument may be the callback. */
  hear(event: unknown, args: unknown[]): void {
    const callback = typeof args.at(-1) === 'function' ? (args.pop() as Callback) : undefined;
    this.ask(event, args, callback);
  }

  /** One of them has its answer. */
  answered(): void {
    this.#outstanding -= 1;
    if (this.#outstanding === 0) this.#onFinished?.();
  }

  /** From now on requests are refused; resolves when those under way are answered. */
  finish(): Promise<void> {
    return new Promise((resolve) => {
      this.#onFinished = resolve;
      if (this.#outstanding === 0) resolve();
    });
  }
}

/** What the peer is told of an error; what is ours is logged whole, under a reference. */
export function errorBody(error: unknown, log: EdgeLog, what: string): ErrorBody {
  if (error instanceof ChatError) return error.body;
  if (error instanceof StoreUnavailable) {
    return new ChatError('unavailable', `the store cannot be reached (${error.message}); try again`).body;
  }
  const reference = randomBytes(6).toString('hex');
  log.error({ error, reference, request: what.slice(0, 64) }, 'a request failed by our fault');
  return new ChatError('internal', `our fault; it is logged under ${reference}`).body;
}
