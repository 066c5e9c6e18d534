/**
 * `/api/v1`: the API for programs. What comes in is checked by protocol/api.ts, what is done is in
 * api-handlers.ts; here are keys, errors as HTTP has them, and what a browser may see.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  apiOperations,
  IDEMPOTENCY_HEADER,
  NAMESPACE_QUERY,
  type ApiOperations,
  type Operation,
} from '../../protocol/api.ts';
import { ChatError, ERRORS, type ErrorBody } from '../../protocol/errors.ts';
import { parse, checkShape } from '../../protocol/requests.ts';
import type { ChatContext } from '../chat-context.ts';
import { namespaceCheck } from '../namespaces.ts';
import { errorBody } from '../request.ts';
import { API_HANDLERS, type ApiAnswer, type ApiCall } from './api-handlers.ts';
import { checkScope, keyOf, type ApiKey } from './api-keys.ts';
import { readJson } from './body.ts';
import { openApiDocument } from './openapi.ts';
import { routeOf } from './routes.ts';

const PREFIX = '/api/v1/';

export interface ApiSettings {
  readonly keys: readonly ApiKey[];
  /** Whose pages may use it; browsers ask. */
  readonly origins: readonly string[];
}

export class Api {
  readonly #context: ChatContext;
  readonly #settings: ApiSettings;
  readonly #operations: ApiOperations;
  readonly #isOpen: (namespace: string) => boolean;
  #document: object | undefined;

  constructor(context: ChatContext, settings: ApiSettings) {
    this.#context = context;
    this.#settings = settings;
    this.#operations = apiOperations(context.settings.limits);
    this.#isOpen = namespaceCheck(context.settings.namespaces);
  }

  /** False: it is not for the API, or there is none. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#settings.keys.length === 0 || request.url?.startsWith(PREFIX) !== true) return false;
    this.#answer(request, response).catch((error: unknown) => {
      this.#context.log.error({ error }, 'our fault, with an answer of the API');
      response.destroy();
    });
    return true;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(this.#corsHeaders(request))) response.setHeader(name, value);
    if (request.method === 'OPTIONS') return void response.writeHead(204).end();
    try {
      send(response, await this.#run(request));
    } catch (error) {
      const body = errorBody(error, this.#context.log, `${request.method} ${request.url?.slice(0, 128)}`);
      // What is left of a body that was too much is not read to its end.
      if (!request.complete) response.setHeader('connection', 'close');
      sendError(response, body);
    }
  }

  async #run(request: IncomingMessage): Promise<ApiAnswer> {
    const url = new URL(request.url ?? '', 'http://localhost');
    // As it was sent: in a URL `.` and `..` are no names, here they are.
    const path = (request.url ?? '').replace(/[?#].*$/s, '').slice(PREFIX.length - 1);
    // Node leaves the body of an answer to HEAD out.
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
    if (path === '/openapi.json' && method === 'GET') return { status: 200, body: this.#openApi() };
    const key = keyOf(request.headers.authorization, this.#settings.keys);
    if (this.#context.isDraining()) throw new ChatError('draining', 'this worker is going away; try again');
    const { id, params } = routeOf(this.#operations, method, path);
    const operation: Operation = this.#operations[id];
    checkScope(key, operation.scope);
    const namespace = url.searchParams.get(NAMESPACE_QUERY) ?? '/';
    if (!this.#isOpen(namespace))
      throw new ChatError('not_found', `the namespace ${namespace.slice(0, 64)} is not open (--namespaces)`);
    const { limits } = this.#context.settings;
    const body = operation.body === undefined ? undefined : await readJson(request, limits.maxPacketBytes);
    checkShape(body, limits.maxDepth);
    const { name, schema } = IDEMPOTENCY_HEADER;
    const given = request.headers[name.toLowerCase()];
    const call = {
      namespace,
      ...params,
      query:
        operation.query === undefined ? undefined : parse(operation.query, queryOf(url, operation.query)),
      body: operation.body === undefined ? undefined : parse(operation.body, body),
      idempotencyKey:
        given === undefined || operation.isIdempotent !== true ? undefined : parse(schema, given, name),
    };
    // Which handler goes with which call is the table’s word, which the compiler cannot follow.
    const handler = API_HANDLERS[id] as (context: ChatContext, call: ApiCall<never>) => Promise<ApiAnswer>;
    return handler(this.#context, call as ApiCall<never>);
  }

  #openApi(): object {
    this.#document ??= openApiDocument(this.#operations, this.#context.settings.server.version);
    return this.#document;
  }

  #corsHeaders({ headers }: IncomingMessage): Record<string, string> {
    const { origin } = headers;
    const { origins } = this.#settings;
    if (origin === undefined || !(origins.includes('*') || origins.includes(origin))) return {};
    return {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST, PUT, DELETE',
      'access-control-allow-headers': 'authorization, content-type, idempotency-key',
      'access-control-max-age': '600',
      vary: 'origin',
    };
  }
}

/** Digits are a number where one is wanted. */
function queryOf(url: URL, schema: NonNullable<Operation['query']>): Record<string, unknown> {
  const query: Record<string, unknown> = {};
  for (const [name, value] of url.searchParams)
    if (Object.hasOwn(schema.entries, name))
      query[name] = name !== 'cursor' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return query;
}

function send(response: ServerResponse, { status, body }: ApiAnswer): void {
  if (body === undefined) return void response.writeHead(status).end();
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}

function sendError(response: ServerResponse, error: ErrorBody): void {
  if (error.code === 'unauthorized') response.setHeader('www-authenticate', 'Bearer');
  if (error.retryAfterMs !== undefined)
    response.setHeader('retry-after', String(Math.ceil(error.retryAfterMs / 1_000)));
  send(response, { status: ERRORS[error.code].http, body: { error } });
}
