/**
 * From an event of a client to its handler and back: shape, limits, the answer, and errors.
 *
 * Every request with a callback is answered, whatever it was; nothing that a client sends can
 * throw past this file.
 */
import { randomBytes } from 'node:crypto';
import type { RequestName, RequestOf, RequestSchemas } from '../protocol/requests.ts';
import { checkShape, parse } from '../protocol/requests.ts';
import { StoreUnavailable } from '../chat/store.ts';
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
  readonly #onDone: () => void;
  readonly #log: EdgeLog;

  constructor(event: unknown, callback: Callback | undefined, onDone: () => void, log: EdgeLog) {
    this.#event = event;
    this.#callback = callback;
    this.#onDone = onDone;
    this.#log = log;
  }

  /** The whole reply. */
  reply(reply: object): void {
    this.#onDone();
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

/** What one socket asks. */
export interface Requests {
  /** Whether there is such a request. */
  readonly isKnown: (event: string) => boolean;
  readonly ask: (event: unknown, args: readonly unknown[], callback: Callback | undefined) => void;
  /** The `onAny` listener. */
  readonly onRequest: (event: unknown, ...args: unknown[]) => void;
  /** From now on requests are refused; resolves when those under way are answered. */
  readonly finish: () => Promise<void>;
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

  /** The requests of one socket. */
  open(caller: Caller): Requests {
    const { maxOutstanding } = this.#context.settings.limits;
    let outstanding = 0;
    let onFinished: (() => void) | undefined;
    const onDone = (): void => {
      outstanding -= 1;
      if (outstanding === 0) onFinished?.();
    };
    const ask: Requests['ask'] = (event, args, callback) => {
      const refusal =
        onFinished !== undefined
          ? DRAINING
          : outstanding >= maxOutstanding
            ? tooMany(maxOutstanding)
            : undefined;
      if (refusal !== undefined) return callback?.({ ok: false, error: refusal.body });
      outstanding += 1;
      this.#answer(caller, event, args, new Asked(event, callback, onDone, this.#context.log));
    };
    const onRequest: Requests['onRequest'] = (event, ...args) => {
      const callback = typeof args.at(-1) === 'function' ? (args.pop() as Callback) : undefined;
      ask(event, args, callback);
    };
    const finish = (): Promise<void> =>
      new Promise((resolve) => {
        onFinished = resolve;
        if (outstanding === 0) resolve();
      });
    return { isKnown: this.#isKnown, ask, onRequest, finish };
  }

  #answer(caller: Caller, event: unknown, args: readonly unknown[], asked: Asked): void {
    try {
      this.#begin(caller, event, args, asked)?.then(
        (answer) => asked.answer(answer),
        (error: unknown) => asked.refuse(error),
      );
    } catch (error) {
      asked.refuse(error);
    }
  }

  readonly #isKnown = (event: string): boolean => Object.hasOwn(this.#handlers, event);

  /** Throws what is wrong with the request itself. */
  #begin(
    caller: Caller,
    event: unknown,
    args: readonly unknown[],
    asked: Asked,
  ): Promise<Answer> | undefined {
    if (typeof event !== 'string' || !this.#isKnown(event)) {
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
    checkShape(input, this.#context.settings.limits.maxDepth);
    const request = parse(this.#schemas[name], input ?? {});
    return this.#handlers[name](this.#context, caller, request as RequestOf<N>, asked);
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
