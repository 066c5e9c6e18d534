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
import { Decoder } from 'socket.io-parser';
import { requestSchemas } from '../protocol/requests.ts';
import type { RoomState } from '../protocol/words.ts';
import type { ChatContext, EdgeSettings } from './chat-context.ts';
import { Connections } from './connection.ts';
import { forgetRequests } from './forget-requests.ts';
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
}

export class ChatServer {
  readonly io: Server;
  readonly http: HttpServer;
  readonly #readiness: () => Readiness;

  constructor(settings: EdgeSettings, { readiness, onHeld }: ChatServerOptions) {
    this.#readiness = readiness;
    this.http = createServer(this.#onRequest);
    // Node bounds the time of heads and requests only in a server that listens (TRAPS 0 row 10).
    this.http.emit('listening');
    this.io = new Server(this.http, {
      adapter: RoomlessAdapter,
      parser: { Encoder: WireEncoder, Decoder },
      perMessageDeflate: false,
      httpCompression: false,
      serveClient: false,
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
    forgetRequests(this.io);
  }

  /** Opens the namespaces. Called once, with everything that the handlers share. */
  serve(context: ChatContext): Connections {
    const handshake = new Handshake(context);
    const dispatcher = new Dispatcher(context, requestSchemas(context.settings.limits), HANDLERS);
    const connections = new Connections(context, handshake, dispatcher);
    // Every name is let in as far as the middleware, which refuses with a code.
    const parent = this.io.of((_name, _auth, next) => next(null, true));
    for (const namespace of [this.io.of('/'), parent]) {
      namespace.use(handshake.middleware);
      namespace.on('connection', connections.onConnection);
    }
    return connections;
  }

  /** A `room` event for one socket. */
  tellRoom(namespace: string, socket: string, state: RoomState): void {
    this.io.of(namespace).sockets.get(socket)?.emit('room', state);
  }

  async close(): Promise<void> {
    await this.io.close();
  }

  readonly #refusal = (
    request: IncomingMessage,
    { origins, maxConnections }: EdgeSettings,
  ): string | undefined => {
    if (this.io.engine.clientsCount >= maxConnections) return 'too many connections';
    return isAllowedOrigin(request.headers, origins) ? undefined : 'origin not allowed (--origins)';
  };

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url?.split('?', 1)[0] ?? '';
    if (path.startsWith('/socket.io/')) return;
    if (path === '/healthz') return answer(response, 200, { ok: true });
    if (path === '/readyz') {
      const readiness = this.#readiness();
      return answer(response, readiness.ready ? 200 : 503, readiness);
    }
    answer(response, 404, {
      error: { code: 'not_found', message: `nothing at ${path.slice(0, 128)}`, retry: false },
    });
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
