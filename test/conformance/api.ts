/** The API for programs: each operation, each status that it is documented to answer. */
import { request } from 'node:http';
import { expect, test } from 'vitest';
import type { Message } from '../../src/protocol/words.ts';
import { type ChatClient, fresh, until, type ClientOptions } from '../support/client.ts';

type Connect = (user: string, options?: Omit<ClientOptions, 'user'>) => Promise<ChatClient>;

/** What a server must be started with for these tests. */
export const API_KEYS = {
  all: 'the-key-that-may-everything',
  read: 'the-key-that-may-read-only',
} as const;
export const API_ARGS = ['--api-key', API_KEYS.all, '--api-key', `reader:read=${API_KEYS.read}`];

export interface Asked {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string } };
  readonly headers: Headers;
}

/** `urls`: the hosts, asked in turn. */
export function api(connect: Connect, urls: () => readonly string[]): void {
  let turn = 0;
  async function ask(
    method: string,
    path: string,
    body?: unknown,
    more: { readonly headers?: Record<string, string> } = {},
  ): Promise<Asked> {
    turn += 1;
    const url = urls()[turn % urls().length];
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      ...more,
      headers: {
        authorization: `Bearer ${API_KEYS.all}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...more.headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: (text === '' ? {} : JSON.parse(text)) as Asked['body'],
      headers: response.headers,
    };
  }
  const failure = (code: string, status: number) => ({ status, body: { error: { code } } });

  test('API: a room is created, changed, read and deleted, and its members are told', async () => {
    const room = fresh('room');
    expect(await ask('GET', `/rooms/${room}`)).toMatchObject(failure('not_found', 404));
    expect(await ask('PUT', `/rooms/${room}`, { kind: 'private', title: 'Board' })).toMatchObject({
      status: 201,
      body: { room, kind: 'private', title: 'Board', head: 0, members: 0 },
    });
    const bob = await connect(fresh('bob'));
    expect(await ask('PUT', `/rooms/${room}/members/${bob.user}`, { role: 'owner' })).toMatchObject({
      status: 200,
      body: { member: { user: bob.user, role: 'owner' }, seq: 1 },
    });
    await bob.event('room', (event: { room: string }) => event.room === room);
    expect(await ask('PUT', `/rooms/${room}`, { title: 'Bored' })).toMatchObject({
      status: 200,
      body: { title: 'Bored', kind: 'private', members: 1 },
    });
    await bob.event('room', (event: { title?: string }) => event.title === 'Bored');
    expect(await ask('GET', `/rooms/${room}/members?limit=1`)).toMatchObject({
      status: 200,
      body: { members: [{ user: bob.user, role: 'owner' }] },
    });
    const watching = await connect(bob.user, { subscribe: false });
    expect((await ask('DELETE', `/rooms/${room}`)).status).toBe(204);
    await watching.event('room', (event: { gone?: string }) => event.gone === 'deleted');
    await bob.event(
      'room',
      (event: { room: string; gone?: string }) => event.room === room && event.gone === 'deleted',
    );
    expect(await ask('DELETE', `/rooms/${room}`)).toMatchObject(failure('not_found', 404));
    expect(await bob.request('message:post', { room, id: 'x', text: 'late' })).toMatchObject({
      error: { code: 'not_found' },
    });
  });

  test('API: a program posts as somebody, once for each key, and reads the log', async () => {
    const room = fresh('room');
    const [ada, bob] = [await connect(fresh('ada')), fresh('bot')];
    await ada.join(room);
    const post = (more: object, headers = {}) =>
      ask('POST', `/rooms/${room}/messages`, { from: bob, text: 'hello', ...more }, { headers });
    const first = await post({}, { 'idempotency-key': 'once' });
    expect(first).toMatchObject({ status: 200, body: { room, seq: 1, duplicate: false } });
    expect(await post({}, { 'idempotency-key': 'once' })).toMatchObject({
      body: { seq: 1, duplicate: true },
    });
    await ask('PUT', `/rooms/${room}/members/${bob}`, {});
    await post({ id: 'mine', data: { a: [1] }, replyTo: 1 });
    await ada.reach(room, 3);
    expect(ada.texts(room)).toEqual(['hello', 'hello']);
    const { status, body } = await ask('GET', `/rooms/${room}/messages?after=0&limit=1`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ first: 1, more: true, messages: [{ seq: 1, from: bob, text: 'hello' }] });
    expect((body['messages'] as Message[]).length).toBe(1);
  });

  test('API: members are muted, banned and removed with the rights of the server', async () => {
    const room = fresh('room');
    const [ada, bob] = [await connect(fresh('ada')), await connect(fresh('bob'))];
    await ada.join(room);
    await bob.join(room);
    const until = Date.now() + 60_000;
    const member = `/rooms/${room}/members/${bob.user}`;
    expect(await ask('PUT', member, { mutedUntil: until })).toMatchObject({
      body: { member: { mutedUntil: until } },
    });
    expect(await bob.request('message:post', { room, id: 'x', text: 'x' })).toMatchObject({
      error: { code: 'muted' },
    });
    expect(await ask('POST', `/rooms/${room}/messages`, { from: bob.user, text: 'x' })).toMatchObject(
      failure('muted', 403),
    );
    expect(await ask('PUT', member, { banned: true })).toMatchObject({
      status: 200,
      body: { member: { banned: true } },
    });
    await bob.event('room', (event: { gone?: string }) => event.gone === 'banned');
    expect(await ask('POST', `/rooms/${room}/messages`, { from: bob.user, text: 'x' })).toMatchObject(
      failure('banned', 403),
    );
    expect(await ask('PUT', member, { role: 'admin' })).toMatchObject(failure('conflict', 409));
    expect(await ask('DELETE', member)).toMatchObject(failure('not_found', 404));
    expect(await ask('DELETE', `/rooms/${room}/members/${ada.user}`)).toMatchObject({ status: 200 });
    await ada.event('room', (event: { gone?: string }) => event.gone === 'kicked');
  });

  test('API: in a direct room a program posts as one of the two alone', async () => {
    const [ada, bob] = [await connect(fresh('ada')), fresh('bob')];
    const { room } = await ada.ask<{ room: string }>('dm:open', { user: bob });
    const post = (from: string) => ask('POST', `/rooms/${room}/messages`, { from, text: 'x' });
    expect(await post(fresh('eve'))).toMatchObject(failure('not_found', 404));
    expect(await post(bob)).toMatchObject({ status: 200 });
  });

  test('API: a user’s presence, devices and rooms; and the end of their connections', async () => {
    const user = fresh('bob');
    expect(await ask('GET', `/users/${user}`)).toMatchObject({
      body: { user, status: 'offline', lastSeen: 0, devices: [], rooms: [] },
    });
    const room = fresh('room');
    const bob = await connect(user, { device: 'phone' });
    await bob.join(room);
    const end = performance.now() + 5_000;
    let seen = await ask('GET', `/users/${user}`);
    while (seen.body['status'] !== 'online' && performance.now() < end)
      seen = await ask('GET', `/users/${user}`);
    expect(seen).toMatchObject({ body: { status: 'online', devices: [{ device: 'phone' }], rooms: [room] } });
    const since = performance.now();
    expect((await ask('POST', `/users/${user}/disconnect`)).status).toBe(204);
    // By then no worker takes a new connection for one that the order is about.
    await bob.event(
      'closing',
      (event: { reason: string; reconnectAfterMs: number }) =>
        event.reason === 'revoked' && event.reconnectAfterMs === 1_000,
    );
    expect(performance.now() - since).toBeLessThan(1_000);
    await until(
      () => !bob.socket.connected,
      5_000,
      () => 'still connected',
    );
    const again = await connect(user);
    expect((await ask('POST', `/users/${user}/revoke`)).status).toBe(204);
    await again.event('closing');
  });

  test('API: public rooms are listed by pages', async () => {
    const room = fresh('0room');
    await ask('PUT', `/rooms/${room}`, { title: 'first of all' });
    const { body } = await ask('GET', '/rooms?limit=1');
    expect(body).toMatchObject({
      rooms: [{ room, title: 'first of all', members: 0, head: 0 }],
      cursor: room,
    });
    await ask('DELETE', `/rooms/${room}`);
  });

  test.each([
    ['no key', 'GET', '/rooms', undefined, { headers: { authorization: '' } }, 'unauthorized', 401],
    [
      'another key',
      'GET',
      '/rooms',
      undefined,
      { headers: { authorization: 'Bearer nothing' } },
      'unauthorized',
      401,
    ],
    [
      'a key of another scope',
      'DELETE',
      '/rooms/x',
      undefined,
      { headers: { authorization: `Bearer ${API_KEYS.read}` } },
      'forbidden',
      403,
    ],
    ['a path that is none', 'GET', '/nothing', undefined, {}, 'not_found', 404],
    ['a method that it has not', 'PATCH', '/rooms/x', {}, {}, 'not_found', 404],
    ['a namespace that is not open', 'GET', '/rooms?namespace=/never', undefined, {}, 'not_found', 404],
    ['a room that cannot be', 'GET', '/rooms/a%20b', undefined, {}, 'bad_request', 400],
    ['a path that is no text', 'GET', '/rooms/%ff', undefined, {}, 'bad_request', 400],
    ['a limit that is too high', 'GET', '/rooms?limit=100000', undefined, {}, 'bad_request', 400],
    ['a body that is no JSON', 'PUT', '/rooms/x', '{', {}, 'bad_request', 400],
    ['a body that does not fit', 'PUT', '/rooms/x', { kind: 'secret' }, {}, 'bad_request', 400],
    [
      'a body that says not what it is',
      'PUT',
      '/rooms/x',
      '{}',
      { headers: { 'content-type': 'text/plain' } },
      'bad_request',
      400,
    ],
    ['a body that is too much', 'PUT', '/rooms/x', { title: 'x'.repeat(600_000) }, {}, 'too_large', 413],
    [
      'a text that is too long',
      'POST',
      '/rooms/x/messages',
      { from: 'a', text: 'x'.repeat(20_000) },
      {},
      'too_large',
      413,
    ],
    ['a body that is a list', 'PUT', '/rooms/x', [], {}, 'bad_request', 400],
    ['a direct room by its name', 'PUT', '/rooms/dm:a:b', {}, {}, 'forbidden', 403],
  ] as const)('API: %s is refused by name', async (_, method, path, body, more, code, status) => {
    expect(await ask(method, path, body, more)).toMatchObject(failure(code, status));
  });

  test('API: names that are none in a URL are users and rooms here', async () => {
    const [url = ''] = urls();
    const status = (method: string, path: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${API_KEYS.all}` };
        request(url, { method, path: `/api/v1${path}`, headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on('error', reject)
          .end();
      });
    expect(await status('GET', '/users/..')).toBe(200);
    expect(await status('POST', '/users/../disconnect?namespace=/acme')).toBe(204);
    expect(await status('PUT', '/rooms/./members/..')).toBe(404);
    expect(await status('PUT', '/rooms/.')).toBe(201);
    expect(await status('PUT', '/rooms/./members/..')).toBe(200);
    expect(await status('DELETE', '/rooms/.')).toBe(204);
  });

  test('API: a key for repeats means something where one posts, and nothing elsewhere', async () => {
    const headers = { 'idempotency-key': 'x'.repeat(100) };
    expect((await ask('GET', '/rooms', undefined, { headers })).status).toBe(200);
    const post = await ask('POST', '/rooms/x/messages', { from: 'a', text: 'x' }, { headers });
    expect(post).toMatchObject(failure('bad_request', 400));
  });

  test('API: HEAD answers as GET does, without the body', async () => {
    const [get, head] = [await ask('GET', '/openapi.json'), await ask('HEAD', '/openapi.json')];
    expect(head).toMatchObject({ status: 200, body: {} });
    expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'));
    expect((await ask('HEAD', `/rooms/${fresh('room')}`)).status).toBe(404);
    expect((await ask('HEAD', '/rooms')).status).toBe(200);
  });

  test('API: a name is a namespace’s own', async () => {
    const room = fresh('room');
    expect((await ask('PUT', `/rooms/${room}?namespace=/acme`, {})).status).toBe(201);
    expect((await ask('GET', `/rooms/${room}`)).status).toBe(404);
    expect((await ask('GET', `/rooms/${room}?namespace=/acme`)).status).toBe(200);
  });

  test('API: browsers are told of no origin that was not allowed', async () => {
    const { headers } = await ask('GET', '/rooms', undefined, {
      headers: { origin: 'https://evil.example' },
    });
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });
}
