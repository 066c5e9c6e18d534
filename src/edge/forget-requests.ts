/**
 * Engine.IO keeps the request of each connection as long as that: on its socket, and by a
 * listener for the end of what stands for the answer (`WebSocketResponse`, engine.io 6.6). With
 * its head that is 1.4 KB. Of it a connection needs where it comes from, and nothing else.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'socket.io';
import { clientAddress } from './client-address.ts';

/** What Engine.IO has of a connection; Socket.IO takes `handshake.address` from it. */
interface EngineConnection {
  request: IncomingMessage | null;
  remoteAddress: string | undefined;
}

/** `trustProxy`: proxies in front whose word on a client's address is taken. */
export function forgetRequests({ engine }: Server, trustProxy: number): void {
  // The last middleware: what was to be put into the answer is there.
  engine.use((_request: unknown, response: { req: unknown }, next: () => void) => {
    if (!(response instanceof ServerResponse)) response.req = null;
    next();
  });
  engine.on('connection', (connection: EngineConnection) => {
    const forwarded = connection.request?.headers['x-forwarded-for'];
    connection.remoteAddress = clientAddress(connection.remoteAddress, forwarded, trustProxy);
    connection.request = null;
  });
}
