/**
 * The Socket.IO server of one worker, and its HTTP answers.
 *
 * It owns the options of the libraries underneath and what must be set against their traps.
 * It does not listen: connections come from the primary.
 */
import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { Server } from 'socket.io';
import { requestSchemas } from '../protocol/requests.ts';
import { Api } from './api/api.ts';
import { boundedDecoder, packetsAtOnce } from './bounded-decoder.ts';
import type { ChatContext, EdgeSettings } from './chat-context.ts';
import { Connections } from './connection.ts';
import { forgetRequests } from './forget-requests.ts';
import { listenersOf, restoreListeners } from './http-listeners.ts';
import { Handshake } from './handshake.ts';
import { Dispatcher } from './request.ts';
import { RoomlessAdapter } from './roomless-adapter.ts';
import { HANDLERS } from './requests/handlers.ts';
import { WireEncoder } from './wire-encoder.ts';
import { WriteGather } from './write-gather.ts';
import { webSocketServer } from './ws-engine.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

export interface ChatServerOptions {
  readonly readiness: () => Readiness;
  /** Called when something is to be sent: `flush` sends all of it. */
  readonly onHeld: (flush: () => void) => void;
  /** The application's own server; without it one that does not listen. */
  readonly http?: HttpServer | undefined;
}

export class ChatServer {
  readonly io: Server;
  readonly http: HttpServer;
  readonly #readiness: () => Readiness;
  /** The HTTP server is this one's. */
  readonly #isOwn: boolean;
  /** Takes back what Socket.IO did to an HTTP server. */
  readonly #detach: () => void;
  #api: Api | undefined;
  #isClosed = false;

  constructor(settings: EdgeSettings, { readiness, onHeld, http }: ChatServerOptions) {
    this.#readiness = readiness;
    this.#isOwn = http === undefined;
    this.http = http ?? createServer(this.#onRequest);
    // Node bounds the time of heads and requests only in a server that listens (TRAPS 0 row 10).
    if (this.#isOwn) this.http.emit('listening');
    const before = listenersOf(this.http);
    this.io = new Server(this.http, {
      adapter: RoomlessAdapter,
      parser: { Encoder: WireEncoder, Decoder: boundedDecoder(packetsAtOnce(settings.limits)) },
      perMessageDeflate: false,
      httpCompression: false,
      serveClient: false,
      // Upgrades of another path are the application's.
      destroyUpgrade: this.#isOwn,
      cleanupEmptyChildNamespaces: true,
      maxHttpBufferSize: settings.limits.maxPacketBytes,
      pingInterval: settings.pingIntervalMs,
      pingTimeout: settings.pingTimeoutMs,
      connectTimeout: settings.connectTimeoutMs,
      wsEngine: webSocketServer(new WriteGather(onHeld)),
      ...(settings.origins.length === 0 ? {} : { cors: { origin: [...settings.origins] } }),
      allowRequest: (request, decide) => {
        const refusal = this.#refusal(request, settings);
        decide(refusal, refusal === undefined);
      },
    });
    forgetRequests(this.io, settings.trustProxy);
    const after = listenersOf(this.http);
    this.#detach = () => restoreListeners(this.http, before, after);
  }

  /** Opens the namespaces. Called once, with everything that the handlers share. */
  serve(context: ChatContext): Connections {
    const handshake = new Handshake(context);
    const dispatcher = new Dispatcher(context, requestSchemas(context.settings.limits), HANDLERS);
    this.#api = new Api(context, context.settings.api);
    const connections = new Connections(context, handshake, dispatcher);
    // Every name is let in as far as the middleware, which refuses with a code.
    const parent = this.io.of((_name, _auth, next) => next(null, true));
    for (const namespace of [this.io.of('/'), parent]) {
      namespace.use(handshake.middleware);
      namespace.on('connection', connections.onConnection);
    }
    return connections;
  }

  /** The server of an application stays open. */
  async close(): Promise<void> {
    if (this.#isOwn) return this.io.close();
    this.io.disconnectSockets(true);
    this.io.engine.close();
    this.#detach();
    this.#isClosed = true;
  }

  readonly #refusal = (
    request: IncomingMessage,
    { origins, maxConnections }: EdgeSettings,
  ): string | undefined => {
    if (this.io.engine.clientsCount >= maxConnections) return 'too many connections';
    return isAllowedOrigin(request.headers, origins) ? undefined : 'origin not allowed (--origins)';
  };

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (this.handle(request, response)) return;
    const path = request.url?.split('?', 1)[0] ?? '';
    answer(response, 404, {
      error: { code: 'not_found', message: `nothing at ${path.slice(0, 128)}`, retry: false },
    });
  };

  /** Answers what is the chat's; false: it is not. */
  readonly handle = (request: IncomingMessage, response: ServerResponse): boolean => {
    if (this.#isClosed) return false;
    const path = request.url?.split('?', 1)[0] ?? '';
    if (path.startsWith('/socket.io/')) return true;
    if (path === '/healthz') answer(response, 200, { ok: true });
    else if (path === '/readyz') {
      const readiness = this.#readiness();
      answer(response, readiness.ready ? 200 : 503, readiness);
    } else return this.#api?.handle(request, response) === true;
    return true;
  };
}

/**
 * Browsers send `Origin` with WebSocket too, where CORS does not help (TRAPS 7.2). Without
 * `--origins` a page may only reach the server it came from.
 */
function isAllowedOrigin({ origin, host }: IncomingMessage['headers'], origins: readonly string[]): boolean {
  if (origin === undefined || origins.includes('*') || origins.includes(origin)) return true;
  return origin.replace(/^https?:\/\//, '') === host;
}

function answer(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
