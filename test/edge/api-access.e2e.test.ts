/** Who may use the API: keys with scopes, pages of other origins, and nobody where there is no key. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fresh } from '../support/client.ts';
import { startServer, type RunningServer } from '../support/server.ts';

const KEYS = {
  read: 'the-key-that-may-read',
  post: 'the-key-that-may-post',
  admin: 'the-key-that-may-admin',
} as const;
const APP = 'https://app.example';
let server: RunningServer;

beforeAll(async () => {
  server = await startServer({
    workers: 1,
    args: ['--api-origins', APP],
    env: {
      CHAT_API_KEY: Object.entries(KEYS)
        .map(([scope, key]) => `${scope}-only:${scope}=${key}`)
        .join(),
    },
  });
});
afterAll(() => server[Symbol.asyncDispose]());

function ask(
  method: string,
  path: string,
  { key, body, headers = {} }: { key?: string; body?: object; headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(`${server.url}/api/v1${path}`, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

describe('each key may do what its scope says, and nothing else', () => {
  const room = fresh('room');
  test.each([
    ['admin', 'PUT', `/rooms/${room}`, {}, 201],
    ['admin', 'PUT', `/rooms/${room}/members/ada`, { role: 'owner' }, 200],
    ['post', 'POST', `/rooms/${room}/messages`, { from: 'ada', text: 'hello' }, 200],
    ['read', 'GET', '/rooms', undefined, 200],
    ['read', 'GET', `/rooms/${room}`, undefined, 200],
    ['read', 'GET', `/rooms/${room}/messages`, undefined, 200],
    ['read', 'GET', `/rooms/${room}/members`, undefined, 200],
    ['read', 'GET', '/users/ada', undefined, 200],
    ['admin', 'POST', '/users/ada/disconnect', undefined, 204],
    ['admin', 'POST', '/users/ada/revoke', undefined, 204],
    ['admin', 'DELETE', `/rooms/${room}/members/ada`, undefined, 200],
    ['admin', 'DELETE', `/rooms/${room}`, undefined, 204],
  ] as const)('%s: %s %s', async (scope, method, path, body, status) => {
    const options = body === undefined ? {} : { body };
    for (const [other, key] of Object.entries(KEYS))
      if (other !== scope) expect((await ask(method, path, { key, ...options })).status).toBe(403);
    expect((await ask(method, path, { key: KEYS[scope], ...options })).status).toBe(status);
  });
});

test('a page of an allowed origin may ask, after it asked whether it may; one of another is told nothing', async () => {
  const preflight = (origin: string) =>
    ask('OPTIONS', '/rooms', {
      headers: {
        origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'authorization',
      },
    });
  const allowed = await preflight(APP);
  expect(allowed.status).toBe(204);
  expect(Object.fromEntries(allowed.headers)).toMatchObject({
    'access-control-allow-origin': APP,
    'access-control-allow-methods': 'GET, POST, PUT, DELETE',
    'access-control-allow-headers': 'authorization, content-type, idempotency-key',
    vary: 'origin',
  });
  const answer = await ask('GET', '/rooms', { key: KEYS.read, headers: { origin: APP } });
  expect(answer.headers.get('access-control-allow-origin')).toBe(APP);
  // What is refused is told too.
  const refused = await ask('GET', '/rooms', { headers: { origin: APP } });
  expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, APP]);
  const other = await preflight('https://evil.example');
  expect(other.headers.get('access-control-allow-origin')).toBeNull();
});

test('no key is in what is logged, nor in the environment of a worker', async () => {
  await ask('GET', '/rooms', { key: KEYS.read });
  await ask('GET', '/rooms', { key: 'another-key-that-is-none' });
  for (const key of [...Object.values(KEYS), 'another-key-that-is-none'])
    expect(server.stderr()).not.toContain(key);
  for (const pid of server.workers())
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('CHAT_API_KEY');
});

test('without a key there is no API: every path of it is 404', async () => {
  await using bare = await startServer({ workers: 1 });
  for (const path of ['/rooms', '/openapi.json', '/rooms/x', '/nothing'])
    expect((await fetch(`${bare.url}/api/v1${path}`)).status).toBe(404);
});
