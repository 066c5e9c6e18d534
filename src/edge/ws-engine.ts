/** The WebSocket server under Engine.IO, with a bound that its default lacks (TRAPS 0 row 20). */
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import { GatheredWebSocket } from './gathered-web-socket.ts';
import type { WriteGather } from './write-gather.ts';

/** Frames of one message; a lawful client sends one. */
const MAX_FRAGMENTS = 64;

/** What Engine.IO takes as `wsEngine`. */
export function webSocketServer(gather: WriteGather): typeof WebSocketServer {
  return class extends WebSocketServer {
    constructor(options: ServerOptions) {
      super({ ...options, maxFragments: MAX_FRAGMENTS, WebSocket: GatheredWebSocket } as ServerOptions);
    }

    override handleUpgrade(
      request: IncomingMessage,
      socket: Duplex,
      head: Buffer,
      onOpen: (client: WebSocket, request: IncomingMessage) => void,
    ): void {
      super.handleUpgrade(request, socket, head, (client, upgraded) => {
        if (socket instanceof Socket && client instanceof GatheredWebSocket)
          client.gatherInto(gather, socket);
        onOpen(client, upgraded);
      });
    }
  } as typeof WebSocketServer;
}
