/**
 * Engine.IO keeps the request of each connection as long as that: on its socket, and by a
 * listener for the end of what stands for the answer (`WebSocketResponse`, engine.io 6.6). With
 * its head that is 1.4 KB, which nothing here needs once the connection is there.
 */
import { ServerResponse } from 'node:http';
import type { Server } from 'socket.io';

export function forgetRequests({ engine }: Server): void {
  // The last middleware: what was to be put into the answer is there.
  engine.use((_request: unknown, response: { req: unknown }, next: () => void) => {
    if (!(response instanceof ServerResponse)) response.req = null;
    next();
  });
  engine.on('connection', (connection: { request: unknown }) => {
    connection.request = null;
  });
}
