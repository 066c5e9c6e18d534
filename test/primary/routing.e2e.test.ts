/** Which worker a client comes to: balance, sessions, and workers that fail. */
import { setTimeout as pause } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';
import { expect, test } from 'vitest';
import { PlainServer, sendSignal } from '../support/plain-server.ts';
import { bodyOf, get, sendRaw, statusOf } from '../support/raw-client.ts';

interface Welcome {
  readonly pid: number;
  readonly slot: number;
}

/** Clients in the burst; 2,000 with CHAT_TEST_BURST=2000. */
const BURST = Number(process.env['CHAT_TEST_BURST'] ?? 400);
const HANDSHAKE = get('/socket.io/?EIO=4&transport=polling');

const many = <T>(count: number, make: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));

function open(url: string, options: Parameters<typeof io>[1] = {}): Socket {
  return io(url, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
    timeout: 30_000,
    ...options,
  });
}

function welcomeOf(client: Socket): Promise<Welcome> {
  return new Promise((resolve) => {
    client.once('welcome', resolve);
  });
}

function countBy<T>(items: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

/** Opens a polling session and gives its sid. */
async function handshake(port: number): Promise<string> {
  return bodyOf<{ sid: string }>(await sendRaw(port, HANDSHAKE)).sid;
}

test.each(['websocket', 'polling'] as const)(
  `a burst of ${BURST} %s clients spreads over 4 workers within 10 percent`,
  async (transport) => {
    await using server = await PlainServer.start({ workers: 4 });
    const clients = many(BURST, () => open(server.url, { transports: [transport] }));
    try {
      const pids = (await Promise.all(clients.map(welcomeOf))).map(({ pid }) => pid);
      const counts = [...countBy(pids).values()];
      expect(counts).toHaveLength(4);
      expect(Math.max(...counts)).toBeLessThanOrEqual((BURST / 4) * 1.1);
      expect(Math.min(...counts)).toBeGreaterThanOrEqual((BURST / 4) * 0.9);
    } finally {
      for (const client of clients) client.disconnect();
    }
  },
);

test('polls that carry a sid do not count as clients', async () => {
  await using server = await PlainServer.start({ workers: 2 });
  const busy = open(server.url, { transports: ['polling'], upgrade: false });
  const { pid } = await welcomeOf(busy);
  // Each reply needs polls of its own; were they counted, the other worker would seem empty.
  for (const _ of many(30, () => 0)) await busy.timeout(5_000).emitWithAck('size', 'x');
  const clients = many(9, () => open(server.url));
  const pids = [pid, ...(await Promise.all(clients.map(welcomeOf))).map((welcome) => welcome.pid)];
  for (const client of [busy, ...clients]) client.disconnect();
  expect([...countBy(pids).values()]).toEqual([5, 5]);
});

test('a large message by long polling arrives, and the session is upgraded to a WebSocket', async () => {
  await using server = await PlainServer.start({ workers: 4 });
  const polling = open(server.url, { transports: ['polling'], upgrade: false });
  const upgrading = open(server.url, { transports: ['polling', 'websocket'] });
  const upgraded = new Promise<string>((resolve) => {
    upgrading.io.engine.once('upgrade', ({ name }) => resolve(name));
  });
  const { pid } = await welcomeOf(polling);
  expect(await polling.timeout(10_000).emitWithAck('size', 'x'.repeat(500_000))).toEqual({
    pid,
    size: 500_000,
  });
  expect(await upgraded).toBe('websocket');
  polling.disconnect();
  upgrading.disconnect();
});

test('a sid is followed in the URL, not in a Referer or a Cookie', async () => {
  await using server = await PlainServer.start({ workers: 4 });
  const sid = await handshake(server.port);
  const own = await sendRaw(server.port, get(`/socket.io/?EIO=4&transport=polling&sid=${sid}`));
  expect(statusOf(own)).toBe(200);
  const pids = await Promise.all(
    many(8, async () => {
      const strange = get('/who', `Referer: http://test/?sid=${sid}`, `Cookie: connect.sid=${sid}`);
      return bodyOf<Welcome>(await sendRaw(server.port, strange)).pid;
    }),
  );
  expect([...countBy(pids).values()]).toEqual([2, 2, 2, 2]);
});

test('a session unknown to all is answered by a worker, soon', async () => {
  await using server = await PlainServer.start({ workers: 2 });
  const answer = await sendRaw(
    server.port,
    get('/socket.io/?EIO=4&transport=polling&sid=aaaaaaaaaaaaaaaaaaaa'),
  );
  expect(statusOf(answer)).toBe(400);
  expect(answer).toContain('Session ID unknown');
});

test('workers killed in a burst: every client is served in the end, without a hang', async () => {
  await using server = await PlainServer.start({ workers: 4 });
  // The stock client notices a WebSocket that is closed before its first packet by its timeout alone.
  const clients = many(BURST, () =>
    open(server.url, {
      reconnection: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 500,
      timeout: 3_000,
    }),
  );
  const welcomed = Promise.all(clients.map(welcomeOf));
  await server.until(async () => (await server.counts()).sessions > 10, 'the burst has begun');
  const [first, second] = await server.workers();
  sendSignal(first?.pid ?? 0, 'SIGKILL');
  sendSignal(second?.pid ?? 0, 'SIGKILL');
  try {
    await welcomed;
    await server.until(() => clients.every(({ connected }) => connected), 'all are connected');
  } finally {
    for (const client of clients) client.disconnect();
  }
  expect((await server.counts()).inLanes).toBe(0);
});

test('a stopped worker: who waits for it goes to the others, and within 6 s a new one serves', async () => {
  await using server = await PlainServer.start({ workers: 2 });
  const [stopped, other] = await server.workers();
  sendSignal(stopped?.pid ?? 0, 'SIGSTOP');
  const stoppedAt = performance.now();
  const clients = many(100, () => open(server.url, { reconnection: true, reconnectionDelay: 50 }));
  const isServedElsewhere = countWelcomes(clients, other?.pid ?? 0, 90);
  await isServedElsewhere;
  // Long before the stopped one is killed.
  expect(performance.now() - stoppedAt).toBeLessThan(3_500);
  await server.until(async () => {
    const workers = await server.workers();
    return (
      workers.every(({ pid, stage }) => pid !== stopped?.pid && stage === 'serving') && workers.length === 2
    );
  }, 'a new worker serves');
  expect(performance.now() - stoppedAt).toBeLessThan(6_000);
  await server.until(() => clients.every(({ connected }) => connected), 'all are connected');
  for (const client of clients) client.disconnect();
});

test('nobody waits for ever for a stopped worker: who was handed to it is cut off, who waits gets 503', async () => {
  await using server = await PlainServer.start({ workers: 1, supervision: { frozenMs: 1_000 } });
  const [stopped] = await server.workers();
  sendSignal(stopped?.pid ?? 0, 'SIGSTOP');
  const answers = await Promise.all(many(6, () => sendRaw(server.port, get('/'))));
  expect(answers.map(statusOf).sort((a, b) => a - b)).toEqual([0, 503, 503, 503, 503, 503]);
});

/** Resolves when `count` clients were welcomed by this worker. */
function countWelcomes(clients: readonly Socket[], pid: number, count: number): Promise<void> {
  let seen = 0;
  return new Promise((resolve) => {
    for (const client of clients)
      client.on('welcome', (welcome: Welcome) => {
        if (welcome.pid === pid) seen += 1;
        if (seen === count) resolve();
      });
  });
}

test('trap 17: the others do not wait for the answers of a killed worker', async () => {
  await using server = await PlainServer.start({ workers: 3 });
  const clients = many(3, () => open(server.url));
  const welcomes = await Promise.all(clients.map(welcomeOf));
  await server.until(async () => (await nodesOf(clients[0])).sockets === 3, 'the adapters know each other');
  sendSignal(welcomes[1]?.pid ?? 0, 'SIGKILL');
  await server.until(() => clients[1]?.connected === false, 'its client is cut off');
  const askedAt = performance.now();
  expect(await nodesOf(clients[0])).toEqual({ sockets: 2 });
  expect(performance.now() - askedAt).toBeLessThan(2_000);
  for (const client of clients) client.disconnect();
});

async function nodesOf(client: Socket | undefined): Promise<{ sockets?: number; error?: string }> {
  return (await client?.timeout(15_000).emitWithAck('nodes')) as { sockets?: number; error?: string };
}

test('polls for a worker that dies with a connection on its way to it do not make the primary spin', async () => {
  await using server = await PlainServer.start({ workers: 1 });
  const poll = get(`/socket.io/?EIO=4&transport=polling&sid=${await handshake(server.port)}`);
  const client = open(server.url);
  await welcomeOf(client);
  client.emit('die slowly', 500, 2_000);
  await pause(200);
  // It is sent and not confirmed, so Node says no `disconnect` when the channel ends (TRAPS 1.2).
  const cut = sendRaw(server.port, poll);
  await pause(500);
  // Each send to a closed channel fails in the same tick.
  expect(statusOf(await sendRaw(server.port, poll))).toBe(503);
  await server.until(
    async () => statusOf(await sendRaw(server.port, get('/'))) === 200,
    'another worker serves',
  );
  expect(await cut).toBe('');
  client.disconnect();
});
