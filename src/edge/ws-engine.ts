/**
 * The WebSocket server under Engine.IO, with a bound that its default lacks (TRAPS 0 row 20),
 * and with writes that are gathered: ws writes each frame by itself, which costs a system call.
 */
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';

/** Frames of one message; a lawful client sends one. */
const MAX_FRAGMENTS = 64;

/** Holds back what is written to sockets, until they are flushed together. */
export class WriteGather {
  readonly #onFirst: (flush: () => void) => void;
  #held = new Set<Socket>();

  /** `onFirst`: something is held; `flush` lets everything go. */
  constructor(onFirst: (flush: () => void) => void) {
    this.#onFirst = onFirst;
  }

  /** From now on what ws writes to it is held. Relies on ws corking for every frame; a test pins it. */
  adopt(socket: Socket): void {
    socket.cork = this.#cork;
  }

  readonly #flush = (): void => {
    const held = this.#held;
    this.#held = new Set();
    for (const socket of held) socket.uncork();
  };

  /** One function for all sockets: thousands of them are idle. */
  readonly #cork = ((gather: WriteGather) =>
    function (this: Socket): void {
      gather.#hold(this);
      Socket.prototype.cork.call(this);
    })(this);

  #hold(socket: Socket): void {
    if (this.#held.has(socket)) return;
    if (this.#held.size === 0) this.#onFirst(this.#flush);
    this.#held.add(socket);
    Socket.prototype.cork.call(socket);
  }
}

/** What Engine.IO takes as `wsEngine`. */
export function webSocketServer(gather: WriteGather): typeof WebSocketServer {
  return class extends WebSocketServer {
    constructor(options: ServerOptions) {
      super({ ...options, maxFragments: MAX_FRAGMENTS } as ServerOptions);
    }

    override handleUpgrade(
      request: IncomingMessage,
      socket: Duplex,
      head: Buffer,
      onOpen: (client: WebSocket, request: IncomingMessage) => void,
    ): void {
      super.handleUpgrade(request, socket, head, (client, upgraded) => {
        if (socket instanceof Socket) gather.adopt(socket);
        onOpen(client, upgraded);
      });
    }
  } as typeof WebSocketServer;
}
