/** An HTTP server of an application is left as it was found. */
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { expect, test } from 'vitest';
import { listenersOf, restoreListeners } from '../../src/edge/http-listeners.ts';

test('what Socket.IO did to the server is taken back, and nothing else', async () => {
  const [app, later, upgrade] = [() => {}, () => {}, () => {}];
  const http = createServer(app);
  http.on('upgrade', upgrade);
  const closing = http.listeners('close').length;
  const before = listenersOf(http);
  const io = new Server(http);
  const after = listenersOf(http);
  expect(http.listeners('request')).not.toContain(app);
  http.on('request', later);
  restoreListeners(http, before, after);
  expect(http.listeners('request')).toEqual([app, later]);
  expect(http.listeners('upgrade')).toEqual([upgrade]);
  expect(http.listeners('close')).toHaveLength(closing);
  io.engine.close();
});
