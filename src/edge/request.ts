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

export type Handler<N extends RequestName> = (
  context: ChatContext,
  caller: Caller,
  request: RequestOf<N>,
) => Promise<Answer>;
export type Handlers = { readonly [N in RequestName]: Handler<N> };

type Callback = (reply: object) => void;

export class Dispatcher {
  readonly #context: ChatContext;
  readonly #schemas: RequestSchemas;
  readonly #handlers: Handlers;

  constructor(context: ChatContext, schemas: RequestSchemas, handlers: Handlers) {
    this.#context = context;
    this.#schemas = schemas;
    this.#handlers = handlers;
  }

  /** The `onAny` listener of one socket; counts its unanswered requests. */
  listener(caller: Caller): (event: unknown, ...args: unknown[]) => void {
    const { maxOutstanding } = this.#context.settings.limits;
    let outstanding = 0;
    return (event, ...args) => {
      const last = args.at(-1);
      const callback = typeof last === 'function' ? (last as Callback) : undefined;
      if (outstanding >= maxOutstanding) {
        const error = new ChatError(
          'busy',
          `${maxOutstanding} requests of this socket are unanswered, the limit (maxOutstanding)`,
        );
        return callback?.({ ok: false, error: error.body });
      }
      outstanding += 1;
      void this.#answer(caller, event, callback === undefined ? args : args.slice(0, -1), callback).finally(
        () => {
          outstanding -= 1;
        },
      );
    };
  }

  async #answer(
    caller: Caller,
    event: unknown,
    args: readonly unknown[],
    callback: Callback | undefined,
  ): Promise<void> {
    try {
      if (typeof event !== 'string' || !Object.hasOwn(this.#handlers, event)) {
        throw new ChatError(
          'bad_request',
          `there is no request ${JSON.stringify(String(event).slice(0, 64))}`,
        );
      }
      if (args.length > 1)
        throw new ChatError('bad_request', `a request has one object; got ${args.length} arguments`);
      if (this.#context.isDraining()) throw new ChatError('draining', 'this worker is going away; reconnect');
      const { reply, after } = await this.#handle(event as RequestName, caller, args[0]);
      callback?.({ ok: true, ...reply });
      after?.();
    } catch (error) {
      callback?.({ ok: false, error: errorBody(error, this.#context.log, String(event)) });
    }
  }

  #handle<N extends RequestName>(name: N, caller: Caller, input: unknown): Promise<Answer> {
    checkShape(input, this.#context.settings.limits.maxDepth);
    const request = parse(this.#schemas[name], input ?? {});
    return this.#handlers[name](this.#context, caller, request as RequestOf<N>);
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
