/** Start, crash, reload and end of the primary and its workers. */
import { createServer } from 'node:net';
import { io, type Socket } from 'socket.io-client';
import { expect, test } from 'vitest';
import { isAlive, PlainServer, sendSignal } from '../support/plain-server.ts';
import { bodyOf, get, RawClient, sendRaw, statusOf } from '../support/raw-client.ts';

interface Welcome {
  readonly pid: number;
}

interface Closing {
  readonly reason: string;
  readonly reconnectAfterMs: number;
}

const QUICK = { restartMs: 20, reloadOverMs: 100, shutdownOverMs: 100 };

const many = <T>(count: number, make: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));

function open(url: string): Socket {
  return io(url, {
    transports: ['websocket'],
    forceNew: true,
    reconnectionDelay: 20,
    reconnectionDelayMax: 100,
  });
}

function next<T>(client: Socket, event: string): Promise<T> {
  return new Promise((resolve) => {
    client.once(event, resolve);
  });
}

async function pidsOf(server: PlainServer): Promise<number[]> {
  return (await server.workers()).flatMap(({ pid }) => pid ?? []);
}

test('a crash loop ends the server with the reason and exit code that the worker gave', async () => {
  await using server = PlainServer.launch({ supervision: QUICK, worker: { fails: true, exitCode: 69 } });
  expect(await server.exited).toBe(69);
  expect(server.hasLogged('3 times in a row')).toBe(true);
  expect(server.hasLogged('the plain worker was told to fail')).toBe(true);
});

test('a wrong configuration ends the server at the first try', async () => {
  await using server = PlainServer.launch({ supervision: QUICK, worker: { fails: true, exitCode: 78 } });
  expect(await server.exited).toBe(78);
  expect(server.hasLogged('times in a row')).toBe(false);
});

test('workers that die without a word before they are ready end the server with 70', async () => {
  await using server = PlainServer.launch({ supervision: QUICK, worker: { dies: true } });
  expect(await server.exited).toBe(70);
  expect(server.hasLogged('exit code 3')).toBe(true);
});

test('a worker that does not become ready in its time is killed', async () => {
  await using server = PlainServer.launch({
    supervision: { ...QUICK, bootMs: 300, maxFailedStarts: 1 },
    worker: { bootMs: 60_000 },
  });
  expect(await server.exited).toBe(70);
  expect(server.hasLogged('was not ready within 300 ms')).toBe(true);
});

test('a port that is taken is said, and the exit code is 69', async () => {
  const taker = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => {
    taker.once('listening', resolve);
  });
  const address = taker.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await using server = PlainServer.launch({ port });
  expect(await server.exited).toBe(69);
  expect(server.hasLogged(`port ${port}: it is taken`)).toBe(true);
  taker.close();
});

test('a killed worker is replaced at once, again and again', async () => {
  await using server = await PlainServer.start({ workers: 2, supervision: { earlyMs: 0 } });
  for (const round of [1, 2, 3, 4, 5]) {
    const before = await pidsOf(server);
    sendSignal(before[round % 2] ?? 0, 'SIGKILL');
    await server.until(
      async () => (await pidsOf(server)).some((pid) => !before.includes(pid)),
      `a new one is started in round ${round}`,
      1_000,
    );
    await server.until(async () => {
      const workers = await server.workers();
      return workers.length === 2 && workers.every(({ stage }) => stage === 'serving');
    }, `a new one serves in round ${round}`);
  }
  expect(statusOf(await sendRaw(server.port, get('/')))).toBe(200);
});

test('a worker that cannot come back does not end those that serve', async () => {
  await using server = await PlainServer.start({ workers: 2, supervision: { ...QUICK, maxRestartMs: 50 } });
  server.breakWorkers();
  const [killed, kept] = await pidsOf(server);
  sendSignal(killed ?? 0, 'SIGKILL');
  await server.until(() => server.hasLogged('"failedStarts":5'), 'five starts have failed');
  expect(bodyOf<Welcome>(await sendRaw(server.port, get('/'))).pid).toBe(kept);
});

test('a server that was complete waits for what its workers need, also when none is left', async () => {
  await using server = await PlainServer.start({ workers: 2, supervision: { ...QUICK, maxAwayMs: 50 } });
  server.breakWorkers();
  for (const pid of await pidsOf(server)) sendSignal(pid, 'SIGKILL');
  await server.until(() => server.hasLogged('"failedStarts":5'), 'five starts have failed');
  server.mendWorkers();
  await server.until(async () => {
    const workers = await server.workers();
    return workers.length === 2 && workers.every(({ stage }) => stage === 'serving');
  }, 'all serve again');
});

test('a reload replaces every worker, and every client comes back once', async () => {
  await using server = await PlainServer.start({ workers: 2, supervision: QUICK });
  const before = await pidsOf(server);
  const clients = many(20, () => open(server.url));
  await Promise.all(clients.map((client) => next<Welcome>(client, 'welcome')));
  const closing = Promise.all(clients.map((client) => next<Closing>(client, 'closing')));
  const back: number[] = [];
  for (const client of clients) client.on('welcome', ({ pid }: Welcome) => back.push(pid));

  expect(await server.reload()).toBe(true);
  expect(new Set((await closing).map(({ reason }) => reason))).toEqual(new Set(['reload']));
  await server.until(() => clients.every(({ connected }) => connected), 'all are back');
  const after = await pidsOf(server);
  expect(after).toHaveLength(2);
  expect(after.filter((pid) => before.includes(pid))).toEqual([]);
  // Once, and to a new worker: none was sent to another that was about to go.
  expect(back).toHaveLength(20);
  expect(back.every((pid) => after.includes(pid))).toBe(true);
  for (const client of clients) client.disconnect();
});

test('while workers are replaced every request is answered', async () => {
  await using server = await PlainServer.start({ workers: 2, supervision: QUICK });
  let isDone = false;
  const reloaded = server.reload().finally(() => {
    isDone = true;
  });
  const statuses = new Set<number>();
  while (!isDone) statuses.add(statusOf(await sendRaw(server.port, get('/'))));
  expect(await reloaded).toBe(true);
  expect(statuses).toEqual(new Set([200]));
});

test('a new build that cannot start leaves the old workers serving, and is said', async () => {
  await using server = await PlainServer.start({ workers: 2, supervision: QUICK });
  const before = await pidsOf(server);
  server.breakWorkers();
  server.signal('SIGHUP');
  await server.until(() => server.hasLogged('reload failed'), 'the failure is said');
  expect(server.hasLogged('the plain worker was told to fail')).toBe(true);
  await server.until(async () => (await server.workers()).length === 2, 'the new ones are gone');
  expect(await pidsOf(server)).toEqual(before);
  expect(statusOf(await sendRaw(server.port, get('/')))).toBe(200);
});

test('SIGTERM: no more connections, clients are told, workers finish, exit 0', async () => {
  await using server = await PlainServer.start({ workers: 2, supervision: { shutdownOverMs: 400 } });
  const workers = await pidsOf(server);
  const clients = many(4, () => open(server.url));
  await Promise.all(clients.map((client) => next<Welcome>(client, 'welcome')));
  const seen: string[] = [];
  for (const client of clients) {
    client.on('closing', ({ reason }: Closing) => seen.push(reason));
    client.on('disconnect', () => seen.push('disconnect'));
  }
  using unsaid = new RawClient(server.port);
  unsaid.send('GET / HT');
  await server.until(async () => (await server.counts()).waiting === 1, 'one has not finished its head');

  server.signal('SIGTERM');
  expect(statusOf(await unsaid.answer)).toBe(503);
  expect(await new RawClient(server.port).answer).toBe('');
  expect(workers.every(isAlive)).toBe(true);
  expect(await server.exited).toBe(0);
  expect(workers.some(isAlive)).toBe(false);
  expect(seen.slice(0, 4)).toEqual(many(4, () => 'shutdown'));
  for (const client of clients) client.disconnect();
});

test('a worker that does not finish is killed after its time, and the exit code is 0 all the same', async () => {
  await using server = await PlainServer.start({
    workers: 2,
    supervision: { shutdownOverMs: 50, drainDeadlineMs: 500 },
  });
  const [stuck] = await pidsOf(server);
  sendSignal(stuck ?? 0, 'SIGSTOP');
  server.signal('SIGTERM');
  expect(await server.exited).toBe(0);
  expect(isAlive(stuck ?? 0)).toBe(false);
});

test('a second signal ends everything at once', async () => {
  await using server = await PlainServer.start({ workers: 2, supervision: { shutdownOverMs: 30_000 } });
  const workers = await pidsOf(server);
  server.signal('SIGTERM');
  await server.until(() => server.hasLogged('draining'), 'it drains');
  server.signal('SIGINT');
  expect(await server.exited).toBe(130);
  expect(workers.some(isAlive)).toBe(false);
});

test('workers end themselves when their primary is killed', async () => {
  await using server = await PlainServer.start({ workers: 2 });
  const workers = await pidsOf(server);
  server.signal('SIGKILL');
  await server.exited;
  await expect.poll(() => workers.some(isAlive), { timeout: 5_000 }).toBe(false);
});

test('the status of each worker is gathered', async () => {
  await using server = await PlainServer.start({ workers: 2 });
  const client = open(server.url);
  await next<Welcome>(client, 'welcome');
  await server.until(async () => {
    const workers = await server.workers();
    const sockets = workers.reduce((sum, worker) => sum + worker.sockets, 0);
    return sockets === 1 && workers.every(({ ready }) => ready);
  }, 'both are ready, with one socket');
  expect((await server.workers()).map(({ slot }) => slot)).toEqual([0, 1]);
  client.disconnect();
});
