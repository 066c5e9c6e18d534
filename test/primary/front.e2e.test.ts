/** The front against real sockets and real workers: heads, bodies, and what is refused. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PlainServer, sendSignal } from '../support/plain-server.ts';
import { bodyOf, get, maskedText, RawClient, sendRaw, statusOf } from '../support/raw-client.ts';

interface Who {
  readonly pid: number;
  readonly slot: number;
  readonly method: string;
  readonly url: string;
  readonly bytes: number;
}

const many = <T>(count: number, make: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));

const welcome = (client: Socket): Promise<unknown> =>
  new Promise((resolve) => {
    client.once('welcome', resolve);
  });

test('trap 1: 300 heads in three pieces each, all at once, are all answered', async () => {
  await using server = await PlainServer.start({ workers: 2 });
  const answers = await Promise.all(
    many(300, async (at) => {
      using client = new RawClient(server.port);
      await once(client.socket, 'connect');
      await client.sendSlowly([`GET /piece-${at} HT`, 'TP/1.1\r\nHost: test\r', '\nX: 1\r\n\r\n'], 3);
      return await client.answer;
    }),
  );
  const urls = answers.map((answer) => bodyOf<Who>(answer).url);
  expect(urls).toEqual(many(300, (at) => `/piece-${at}`));
});

test('trap 0: what follows an upgrade in the instant of the hand-off reaches the worker', async () => {
  await using server = await PlainServer.start({ workers: 2 });
  const clients = many(400, () =>
    io(server.url, { transports: ['websocket'], forceNew: true, reconnection: false }),
  );
  try {
    await Promise.all(clients.map(welcome));
  } finally {
    for (const client of clients) client.disconnect();
  }
});

test('trap 0: what comes while the socket waits for a busy worker is not swallowed by the primary', async () => {
  await using server = await PlainServer.start({ workers: 1 });
  const blocker = io(server.url, { transports: ['websocket'], forceNew: true });
  await welcome(blocker);
  blocker.emit('block', 2_000);
  const clients = many(8, () => new RawClient(server.port));
  const upgrade = get(
    '/socket.io/?EIO=4&transport=websocket',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  );
  for (const client of clients) client.send(upgrade);
  // All of them: a frame that comes with its head is lost by engine.io, and no client sends one.
  await server.until(
    async () => (await server.counts()).inLanes >= 7,
    'they wait for the worker, one as good as there',
  );
  for (const client of clients) client.send(maskedText('40'));
  await Promise.all(clients.map((client) => client.receive('"welcome"')));
  for (const client of clients) client.socket.destroy();
  blocker.disconnect();
});

test('trap 10: 300 sockets that send their heads by drops are ended, and others are served meanwhile', async () => {
  await using server = await PlainServer.start({ limits: { headMs: 800 } });
  const slow = many(300, () => new RawClient(server.port));
  const drip = setInterval(() => {
    for (const client of slow) client.send('x');
  }, 100);
  for (const client of slow) client.send('GET / HTTP/1.1\r\nHost: test\r\nX: ');
  // Not all at one time: on a slow machine the first ones are ended before the last ones are here.
  await server.until(async () => (await server.counts()).waiting > 0, 'slow ones wait');
  expect(statusOf(await sendRaw(server.port, get('/meanwhile')))).toBe(200);
  const answers = await Promise.all(slow.map(({ answer }) => answer));
  clearInterval(drip);
  expect(new Set(answers.map(statusOf))).toEqual(new Set([408]));
  expect((await server.counts()).waiting).toBe(0);
});

test('a socket that says nothing is ended too', async () => {
  await using server = await PlainServer.start({ limits: { headMs: 300 } });
  expect(statusOf(await new RawClient(server.port).answer)).toBe(408);
});

test('over the limit of incomplete heads the one that has waited longest goes', async () => {
  await using server = await PlainServer.start({ limits: { maxWaiting: 2 } });
  const first = new RawClient(server.port);
  await server.until(async () => (await server.counts()).waiting === 1, 'the first waits');
  using _second = new RawClient(server.port);
  await server.until(async () => (await server.counts()).waiting === 2, 'the second waits');
  expect(statusOf(await sendRaw(server.port, get('/')))).toBe(200);
  expect(statusOf(await first.answer)).toBe(503);
});

test('a head over 16 KiB is refused with 431, whole or in pieces', async () => {
  await using server = await PlainServer.start();
  const long = get('/', `X: ${'x'.repeat(16_384)}`);
  expect(statusOf(await sendRaw(server.port, long))).toBe(431);
  using client = new RawClient(server.port);
  await client.sendSlowly(
    many(18, () => `X: ${'x'.repeat(1_000)}\r\n`),
    2,
  );
  expect(statusOf(await client.answer)).toBe(431);
});

describe('refuses with 400, and shows no worker:', () => {
  let server: PlainServer;
  beforeAll(async () => {
    server = await PlainServer.start({ workers: 1 });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test.each([
    ['a body on GET', 'GET /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc'],
    [
      'trap 11: a length on an upgrade',
      get('/bad', 'Connection: Upgrade', 'Upgrade: websocket', 'Content-Length: 0'),
    ],
    [
      'both lengths',
      'POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc',
    ],
    ['two lengths', 'POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc'],
    ['a signed length', 'POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc'],
    ['an obscure encoding', 'POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n'],
    ['a blank before the colon', 'POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc'],
    ['a folded line', 'GET /bad HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n'],
    ['a bare line feed', 'GET /bad HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
    ['no Host', 'GET /bad HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET /bad HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['a malformed request line', 'GET  /bad HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['an absolute target', 'GET http://a/bad HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['two sids', get('/socket.io/?sid=aaaaaaaaaaaaaaaaaaaa&sid=bbbbbbbbbbbbbbbbbbbb')],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
  ])('%s', async (_what, bytes) => {
    expect(statusOf(await sendRaw(server.port, Buffer.from(bytes, 'latin1')))).toBe(400);
    expect(server.requests).toEqual([]);
  });
});

test('of two requests in one packet the first is answered and the second never seen', async () => {
  await using server = await PlainServer.start({ workers: 1 });
  expect(bodyOf<Who>(await sendRaw(server.port, get('/first') + get('/second'))).url).toBe('/first');
  const post = 'POST /third HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc';
  expect(bodyOf<Who>(await sendRaw(server.port, post + get('/fourth')))).toMatchObject({
    url: '/third',
    bytes: 3,
  });
  const chunked =
    'POST /fifth HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
  expect(bodyOf<Who>(await sendRaw(server.port, chunked + get('/sixth')))).toMatchObject({
    url: '/fifth',
    bytes: 3,
  });
  expect(server.requests).toEqual(['GET /first', 'POST /third', 'POST /fifth']);
});

test('a large body arrives whole, with a length and in chunks', async () => {
  await using server = await PlainServer.start({ workers: 1 });
  const text = 'x'.repeat(700_000);
  const sized = `POST /sized HTTP/1.1\r\nHost: a\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
  expect(bodyOf<Who>(await sendRaw(server.port, sized)).bytes).toBe(700_000);
  const chunk = `${(50_000).toString(16)}\r\n${'y'.repeat(50_000)}\r\n`;
  const chunked = `PUT /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(10)}0\r\n\r\n`;
  expect(bodyOf<Who>(await sendRaw(server.port, chunked)).bytes).toBe(500_000);
});

test('a body over the limit is refused with 413; one that grows over it is cut', async () => {
  await using server = await PlainServer.start({ workers: 1, limits: { maxBodyBytes: 1_000 } });
  const sized = 'POST /sized HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n';
  expect(statusOf(await sendRaw(server.port, sized))).toBe(413);
  expect(server.requests).toEqual([]);
  using client = new RawClient(server.port);
  client.send('POST /grows HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\n');
  await server.until(() => server.requests.includes('POST /grows'), 'the worker has its head');
  client.send('x'.repeat(500) + '\r\n1f4\r\n' + 'x'.repeat(500));
  expect(await client.answer).toBe('');
});

test('a body that does not come to its end is cut after its time', async () => {
  await using server = await PlainServer.start({ workers: 1, limits: { keptMs: 400 } });
  using client = new RawClient(server.port);
  const drip = setInterval(() => client.send('x'), 50);
  client.send('POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n');
  expect(await client.answer).toBe('');
  clearInterval(drip);
  await server.until(() => server.requests.includes('cut /slow'), 'the worker is told');
  expect((await server.counts()).kept).toBe(0);
});

test('over the limit of bodies under way the one that has been so for longest goes, and others are served', async () => {
  await using server = await PlainServer.start({ workers: 1, limits: { maxKept: 2 } });
  using first = new RawClient(server.port);
  using second = new RawClient(server.port);
  for (const [client, path] of [
    [first, '/first'],
    [second, '/second'],
  ] as const) {
    client.send(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n`);
    await server.until(() => server.requests.includes(`POST ${path}`), 'the worker has its head');
  }
  const post = 'POST /third HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc';
  expect(bodyOf<Who>(await sendRaw(server.port, post))).toMatchObject({ url: '/third', bytes: 3 });
  expect(await first.answer).toBe('');
  await server.until(() => server.requests.includes('cut /first'), 'the worker is told');
  expect(server.requests).not.toContain('cut /second');
});

test('trap 18: the rest of a body whose worker died is never read as a request', async () => {
  await using server = await PlainServer.start({ workers: 2 });
  using client = new RawClient(server.port);
  client.send('POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nabc');
  await server.until(() => server.requests.includes('POST /first'), 'a worker has the head');
  const before = await server.workers();
  for (const { pid } of before) sendSignal(pid ?? 0, 'SIGKILL');
  expect(await client.answer).toBe('');
  client.send(get('/smuggled'));
  await server.until(
    async () =>
      (await server.workers()).filter(
        ({ pid, stage }) => stage === 'serving' && !before.some((old) => old.pid === pid),
      ).length === 2,
    'two new workers serve',
  );
  expect(statusOf(await sendRaw(server.port, get('/after')))).toBe(200);
  expect(server.requests).toEqual(['POST /first', 'GET /after']);
});

test('trap 2: a booting worker gets no client; without another one there is 503 with Retry-After', async () => {
  await using server = await PlainServer.start({ workers: 2, isReady: false, worker: { bootMs: 700 } });
  const refused = await sendRaw(server.port, get('/socket.io/?EIO=4&transport=polling'));
  expect(statusOf(refused)).toBe(503);
  expect(refused).toMatch(/\r\nRetry-After: 1\r\n/);
  expect(statusOf(await sendRaw(server.port, get('/healthz')))).toBe(200);
  const readyz = await sendRaw(server.port, get('/readyz'));
  expect(statusOf(readyz)).toBe(503);
  expect(bodyOf(readyz)).toEqual({ ready: false, reasons: ['no worker is ready'] });
  await server.reach('ready');

  // One boots again while the other serves: every client goes to the other.
  const [killed, kept] = await server.workers();
  sendSignal(killed?.pid ?? 0, 'SIGKILL');
  await server.until(
    async () => (await server.workers()).some(({ stage, pid }) => stage === 'booting' && pid !== killed?.pid),
    'a new one boots',
  );
  const pids = await Promise.all(
    many(20, async () => bodyOf<Who>(await sendRaw(server.port, get('/who'))).pid),
  );
  expect(new Set(pids)).toEqual(new Set([kept?.pid]));
});

test('accepts per second can be limited; above there is 503', async () => {
  await using server = await PlainServer.start({ workers: 1, limits: { maxAcceptsPerSecond: 3 } });
  // Begins right after a second has, so that all fall into one.
  await pause(1_000 - (performance.now() % 1_000));
  const answers = await Promise.all(many(20, () => sendRaw(server.port, get('/'))));
  const statuses = answers.map(statusOf);
  expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(6);
  expect(statuses.filter((status) => status === 503).length).toBeGreaterThanOrEqual(14);
});
