/** The WebSocket server under Engine.IO, with a bound that its default lacks (TRAPS 0 row 20). */
import { WebSocketServer, type ServerOptions } from 'ws';

/** Frames of one message; a lawful client sends one. */
const MAX_FRAGMENTS = 64;

export class BoundedWebSocketServer extends WebSocketServer {
  constructor(options: ServerOptions) {
    super({ ...options, maxFragments: MAX_FRAGMENTS } as ServerOptions);
  }
}
