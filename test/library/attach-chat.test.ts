/** The chat on an application's own HTTP server, and what is left of it there when it is closed: nothing. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listenersOf } from '../../src/edge/http-listeners.ts';
import { attachChat, type AttachedChat } from '../../src/library/attach-chat.ts';
import { ChatClient, until } from '../support/client.ts';

let dataDir: string;
let http: Server;
let url: string;
/** The one that was attached last: the application never stops asking it. */
let chat: AttachedChat | undefined;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'attach-'));
  chat = undefined;
  http = createServer((request, response) => {
    const answer = (): void => void response.end('mine');
    if (chat === undefined) answer();
    else chat.middleware(request, response, answer);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await chat?.close();
  http.close();
  http.closeAllConnections();
  rmSync(dataDir, { recursive: true, force: true });
});

function attachTo(server: Server): Promise<AttachedChat> {
  return attachChat(server, { dataDir, logLevel: 'silent', drainSpread: 0 });
}

async function said(path: string): Promise<string> {
  return (await fetch(`${url}${path}`)).text();
}

test('once it is closed the application answers alone, on the same server', async () => {
  const before = listenersOf(http);
  chat = await attachTo(http);
  using ada = await ChatClient.connect(url, { user: 'ada' });
  expect([await said('/healthz'), await said('/')]).toEqual(['{"ok":true}', 'mine']);
  expect(await said('/socket.io/?EIO=4&transport=polling')).toContain('"sid"');
  await chat.close();
  await until(
    () => !ada.socket.connected,
    3_000,
    () => 'the client is still there',
  );
  const paths = ['/', '/healthz', '/readyz', '/api/v1/rooms', '/socket.io/?EIO=4&transport=polling'];
  for (const path of paths) expect([path, await said(path)]).toEqual([path, 'mine']);
  await expect(ChatClient.connect(url, { user: 'bob' })).rejects.toThrow();
  expect(listenersOf(http)).toEqual(before);
  expect(http.listening).toBe(true);
});

test('a data directory is its own until it is closed, and then the next one’s, with all that was said', async () => {
  chat = await attachTo(http);
  {
    using ada = await ChatClient.connect(url, { user: 'ada' });
    await ada.join('tea');
    await ada.post('tea', 'one');
  }
  await expect(attachTo(createServer())).rejects.toThrow('used by another server');
  await Promise.all([chat.close(), chat.close()]);
  chat = await attachTo(http);
  using ada = await ChatClient.connect(url, { user: 'ada', positions: { tea: { epoch: '', seq: 0 } } });
  expect(await ada.post('tea', 'two')).toMatchObject({ seq: 2 });
  await ada.reach('tea', 2);
  expect(ada.texts('tea')).toEqual(['one', 'two']);
});
