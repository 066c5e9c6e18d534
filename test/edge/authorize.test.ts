/** Asking the application: what it says holds, for as long as it says; no word is a no. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Authorizer, type Question } from '../../src/edge/authorize.ts';
import { signature } from '../../src/edge/hooks/hook-sender.ts';

const SECRET = 'a secret of sixteen bytes';
const QUESTION: Question = { action: 'join', namespace: '/', user: 'ada', room: 'tea' };
let server: Server;
let url: string;
let asked: { readonly body: string; readonly headers: Record<string, unknown> }[];
let answer: () => { readonly status?: number; readonly text: string };

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      asked.push({ body, headers: request.headers });
      const { status = 200, text } = answer();
      response.writeHead(status).end(text);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

const says = (value: object) => () => ({ text: JSON.stringify(value) });

const ASKING = { now: () => 0, onFailure: () => {} };

test('without an application everybody may', async () => {
  await new Authorizer(undefined, ASKING).check(QUESTION);
});

test('the question is whole and signed', async () => {
  answer = says({ allow: true });
  await new Authorizer({ url, secret: SECRET }, ASKING).check(QUESTION);
  expect(JSON.parse(asked[0]?.body ?? '')).toEqual(QUESTION);
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signed } = asked[0]?.headers ?? {};
  expect(signed).toBe(signature(SECRET, String(id), String(at), asked[0]?.body ?? ''));
});

test('a no is told with its words', async () => {
  answer = says({ allow: false, message: 'members of the club only' });
  const authorizer = new Authorizer({ url, secret: SECRET }, ASKING);
  await expect(authorizer.check(QUESTION)).rejects.toMatchObject({
    code: 'forbidden',
    message: 'members of the club only',
  });
});

test('an answer is good for as long as it says, for that question alone', async () => {
  let now = 0;
  answer = says({ allow: true, ttl: 10 });
  const authorizer = new Authorizer({ url, secret: SECRET }, { ...ASKING, now: () => now });
  await authorizer.check(QUESTION);
  now = 9_999;
  await authorizer.check(QUESTION);
  expect(asked).toHaveLength(1);
  await authorizer.check({ ...QUESTION, user: 'bob' });
  expect(asked).toHaveLength(2);
  now = 10_000;
  await authorizer.check(QUESTION);
  expect(asked).toHaveLength(3);
});

test('an answer for a year is asked for again in an hour', async () => {
  let now = 0;
  answer = says({ allow: true, ttl: 31_536_000 });
  const authorizer = new Authorizer({ url, secret: SECRET }, { ...ASKING, now: () => now });
  await authorizer.check(QUESTION);
  now = 3_599_999;
  await authorizer.check(QUESTION);
  expect(asked).toHaveLength(1);
  now = 3_600_000;
  await authorizer.check(QUESTION);
  expect(asked).toHaveLength(2);
});

test('without a time it is asked each time, but once for all who ask at once', async () => {
  answer = says({ allow: true });
  const authorizer = new Authorizer({ url, secret: SECRET }, ASKING);
  await Promise.all([authorizer.check(QUESTION), authorizer.check(QUESTION)]);
  expect(asked).toHaveLength(1);
  await authorizer.check(QUESTION);
  expect(asked).toHaveLength(2);
});

test.each([
  ['no answer at all', undefined],
  ['an error', { status: 500, text: '{"allow":true}' }],
  ['nonsense', { text: 'yes' }],
  ['another shape', { text: '{"allow":"yes"}' }],
  ['words that are too long', { text: JSON.stringify({ allow: true, message: 'x'.repeat(257) }) }],
  ['a yes in too many bytes', { text: `{"allow":true}${' '.repeat(5_000)}` }],
] as const)('%s is a no, and may be tried again', async (_, given) => {
  answer = () => given ?? { text: '' };
  if (given === undefined) {
    server.close();
    server.closeAllConnections();
  }
  const authorizer = new Authorizer({ url, secret: SECRET }, ASKING);
  await expect(authorizer.check(QUESTION)).rejects.toMatchObject({ code: 'unavailable' });
});

test('of many questions the application has some at a time', async () => {
  let [now, most] = [0, 0];
  const release: (() => void)[] = [];
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    now += 1;
    most = Math.max(most, now);
    request.resume();
    release.push(() => {
      now -= 1;
      response.end('{"allow":true}');
    });
  });
  const authorizer = new Authorizer({ url, secret: SECRET }, ASKING);
  const checks = Array.from({ length: 200 }, (_, i) => authorizer.check({ ...QUESTION, user: `u${i}` }));
  let answered = 0;
  const all = Promise.all(checks.map((check) => check.then(() => (answered += 1))));
  while (now < 64) await pause(5);
  await pause(50);
  expect(most).toBe(64);
  while (answered < 200) {
    for (const go of release.splice(0)) go();
    await pause(5);
  }
  await all;
  expect(most).toBe(64);
});
