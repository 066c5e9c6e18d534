/** What an application's functions have a say in, on HTTP servers of its own; on Redis two of them are one chat. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ChatHooks, IncomingMessage } from '../../src/edge/chat-hooks.ts';
import type { Question } from '../../src/edge/authorize.ts';
import { attachChat, type AttachOptions } from '../../src/library/attach-chat.ts';
import { ChatClient } from '../support/client.ts';
import { startRedis } from '../support/redis.ts';

const KEY = 'the-key-that-may-everything';

interface Host extends AsyncDisposable {
  readonly url: string;
}

async function host(options: AttachOptions): Promise<Host> {
  const http = createServer((request, response) => {
    chat.middleware(request, response, () => void response.writeHead(404).end());
  });
  const chat = await attachChat(http, { logLevel: 'silent', drainSpread: 0, apiKey: KEY, ...options });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      await chat.close();
      http.close();
      http.closeAllConnections();
    },
  };
}

/** One host, or two of them on a Redis. */
async function hosts(adapter: 'cluster' | 'redis', hooks: ChatHooks) {
  if (adapter === 'redis') {
    const redis = await startRedis({ appendfsync: 'no' });
    const made = [
      await host({ adapter, redisUrl: redis.url, hooks }),
      await host({ adapter, redisUrl: redis.url, hooks }),
    ];
    return {
      urls: made.map(({ url }) => url),
      async [Symbol.asyncDispose]() {
        for (const one of made) await one[Symbol.asyncDispose]();
        await redis[Symbol.asyncDispose]();
      },
    };
  }
  const dataDir = mkdtempSync(join(tmpdir(), 'attach-'));
  const one = await host({ dataDir, hooks });
  return {
    urls: [one.url],
    async [Symbol.asyncDispose]() {
      await one[Symbol.asyncDispose]();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

describe.each(['cluster', 'redis'] as const)('--adapter %s', (adapter) => {
  test('each text and each edit is asked about, a program’s too, and what is stored is what the application says', async () => {
    const asked: IncomingMessage[] = [];
    await using chat = await hosts(adapter, {
      onMessage: (message) => {
        asked.push(message);
        if (message.text === 'spam') return { refuse: 'no spam, please' };
        return message.text === 'as it is'
          ? undefined
          : { text: message.text.toUpperCase(), data: { by: 'us' } };
      },
    });
    const [here = '', there = here] = chat.urls;
    using ada = await ChatClient.connect(here, { user: 'ada' });
    using bob = await ChatClient.connect(there, { user: 'bob' });
    await ada.join('tea');
    await bob.join('tea');
    await ada.post('tea', 'hello', '1');
    await ada.post('tea', 'as it is', '2');
    await ada.ask('message:edit', { room: 'tea', id: '3', seq: 1, text: 'hello again' });
    for (const [event, object] of [
      ['message:post', { room: 'tea', id: '4', text: 'spam' }],
      ['message:edit', { room: 'tea', id: '5', seq: 2, text: 'spam' }],
    ] as const)
      expect(await ada.request(event, object)).toMatchObject({
        ok: false,
        error: { code: 'forbidden', message: 'no spam, please' },
      });
    const post = (body: object): Promise<Response> =>
      fetch(`${there}/api/v1/rooms/tea/messages`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    expect((await post({ from: 'desk', text: 'spam', id: '6' })).status).toBe(403);
    expect((await post({ from: 'desk', text: 'from a program', id: '7' })).status).toBe(200);
    await ada.ask('message:react', { room: 'tea', id: '8', seq: 1, emoji: '👍', on: true });
    await ada.ask('message:delete', { room: 'tea', id: '9', seq: 2 });
    await bob.reach('tea', 6);
    expect(
      bob.messages('tea').map(({ id, kind, text, data }) => [id, kind, text ?? '', data === undefined]),
    ).toEqual([
      ['1', 'text', 'HELLO', false],
      ['2', 'text', 'as it is', true],
      ['3', 'edit', 'HELLO AGAIN', false],
      ['7', 'text', 'FROM A PROGRAM', false],
      ['8', 'reaction', '', true],
      ['9', 'delete', '', true],
    ]);
    expect(asked.map(({ id, kind, from, ref = 0 }) => `${id} ${kind} ${from} ${ref}`)).toEqual([
      '1 text ada 0',
      '2 text ada 0',
      '3 edit ada 1',
      '4 text ada 0',
      '5 edit ada 2',
      '6 text desk 0',
      '7 text desk 0',
    ]);
  });

  test('who may connect, join and create is the application’s to say', async () => {
    const asked: Question[] = [];
    await using chat = await hosts(adapter, {
      authorize: (question) => {
        asked.push(question);
        const { action, user, room } = question;
        if (user === 'eve') return 'not you';
        return action !== 'create' || user === 'ada' || room === 'open';
      },
    });
    const [here = '', there = here] = chat.urls;
    await expect(ChatClient.connect(here, { user: 'eve' })).rejects.toMatchObject({
      body: { code: 'forbidden', message: 'not you' },
    });
    using ada = await ChatClient.connect(here, { user: 'ada' });
    using bob = await ChatClient.connect(there, { user: 'bob' });
    const refused = { ok: false, error: { code: 'forbidden' } };
    expect(await bob.request('room:create', { room: 'tea', kind: 'public' })).toMatchObject(refused);
    expect(await bob.request('room:join', { room: 'tea' })).toMatchObject(refused);
    await ada.ask('room:create', { room: 'tea', kind: 'public' });
    await bob.join('tea');
    await bob.join('open');
    const told = asked.map(({ action, user, room = '' }) => `${action} ${user} ${room}`);
    expect(told).toEqual(
      expect.arrayContaining([
        'connect eve ',
        'connect bob ',
        'create bob tea',
        'create ada tea',
        'join bob tea',
      ]),
    );
  });
});
