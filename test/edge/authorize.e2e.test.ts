/** `--authorize URL` of a real server: the application is asked before somebody connects, joins or creates. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import type { Question } from '../../src/edge/authorize.ts';
import { ChatClient, fresh, refusalOf } from '../support/client.ts';
import { HOOK_SECRET } from '../support/hook-receiver.ts';
import { openServer } from '../support/server-handle.ts';

interface Application extends AsyncDisposable {
  readonly url: string;
  /** What it was asked, with its signature checked. */
  readonly asked: Question[];
  /** Why not; undefined: yes. */
  refuses: (question: Question) => string | undefined;
  status: number;
}

async function startApplication(): Promise<Application> {
  const asked: Question[] = [];
  const settings: Pick<Application, 'refuses' | 'status'> = { refuses: () => undefined, status: 200 };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': given } = request.headers;
    const mac = createHmac('sha256', HOOK_SECRET)
      .update(`${String(id)}.${String(at)}.${body}`)
      .digest('base64');
    if (given !== `v1,${mac}`) return void response.writeHead(401).end();
    const question = JSON.parse(body) as Question;
    asked.push(question);
    const message = settings.refuses(question);
    response.writeHead(settings.status).end(JSON.stringify({ allow: message === undefined, message }));
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(settings, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/may`,
    asked,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  });
}

describe.each(['cluster', 'redis'] as const)('--adapter %s', (adapter) => {
  test('connect, join and create are asked about, by a room that is not there both', async () => {
    await using application = await startApplication();
    await using server = await openServer({
      adapter,
      appendfsync: 'no',
      args: ['--authorize', application.url, '--hook-secret', HOOK_SECRET],
    });
    const asked = (): string[] =>
      application.asked
        .splice(0)
        .map(({ action, user, room, device }) =>
          [action, user, room ?? device].filter((word) => word !== undefined).join(' '),
        );
    application.refuses = ({ action, user }) =>
      action === 'connect' && user === 'eve' ? 'not you' : undefined;
    expect(await refusalOf(ChatClient.connect(server.url, { user: 'eve' }))).toMatchObject({
      code: 'forbidden',
      message: 'not you',
    });
    using ada = await ChatClient.connect(server.url, { user: 'ada', device: 'phone' });
    using bob = await ChatClient.connect(server.url, { user: 'bob' });
    expect(asked()).toEqual(['connect eve', 'connect ada phone', 'connect bob']);

    const room = fresh('room');
    await ada.join(room);
    await bob.join(room);
    await ada.ask('room:create', { kind: 'private', room: `${room}-2` });
    expect(asked()).toEqual([
      `join ada ${room}`,
      `create ada ${room}`,
      `join bob ${room}`,
      `create ada ${room}-2`,
    ]);
    await ada.ask('dm:open', { user: 'bob' });
    await ada.ask('dm:open', { user: 'bob' });
    expect(asked()).toEqual(['join ada dm:ada:bob', 'create ada dm:ada:bob', 'join ada dm:ada:bob']);

    application.refuses = ({ action }) => (action === 'create' ? 'nothing new' : undefined);
    for (const [event, object] of [
      ['room:join', { room: fresh('room') }],
      ['room:create', { kind: 'public' }],
      ['dm:open', { user: 'cem' }],
    ] as const)
      expect(await refusalOf(ada.ask(event, object))).toMatchObject({
        code: 'forbidden',
        message: 'nothing new',
      });
    application.refuses = ({ action }) => (action === 'join' ? 'not there' : undefined);
    expect(await refusalOf(bob.join(`${room}-3`))).toMatchObject({ code: 'forbidden', message: 'not there' });
    const { rooms } = await ada.ask<{ rooms: { room: string }[] }>('room:mine', {});
    expect(rooms.map((one) => one.room).toSorted()).toEqual(['dm:ada:bob', room, `${room}-2`].toSorted());

    application.refuses = () => undefined;
    application.status = 500;
    expect(await refusalOf(ChatClient.connect(server.url, { user: 'cem' }))).toMatchObject({
      code: 'unavailable',
      retry: true,
    });
    // Whoever is there goes on.
    await ada.post(room, 'hello');
  }, 60_000);
});
