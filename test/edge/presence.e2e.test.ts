/** Presence when workers, hosts and the store go away (G8), and limits over all of them. */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ChatClient, fresh, until } from '../support/client.ts';
import { startRedis } from '../support/redis.ts';
import { openServer } from '../support/server-handle.ts';
import { startServer } from '../support/server.ts';

function toldOf(watcher: ChatClient, user: string): string[] {
  return watcher.events
    .filter(({ event }) => event === 'presence')
    .flatMap(({ object }) => (object as { users: { user: string; status: string }[] }).users)
    .filter((presence) => presence.user === user)
    .map(({ status }) => status);
}

/** Comes by long polling and never polls again: what it is told waits for it. */
async function connectDeaf(url: string, user: string): Promise<void> {
  const base = `${url}/socket.io/?EIO=4&transport=polling`;
  const opened = await (await fetch(base)).text();
  const { sid } = JSON.parse(opened.slice(1)) as { sid: string };
  await fetch(`${base}&sid=${sid}`, { method: 'POST', body: `40${JSON.stringify({ user })}` });
  await fetch(`${base}&sid=${sid}`);
}

/** The worker's pid that this client is at. */
function workerOf(client: ChatClient): number {
  return Number(client.welcome.server.node.split(':').at(-1));
}

test('cluster: the users of a killed worker are offline within 2 s and the grace time', async () => {
  await using server = await startServer({ workers: 2, args: ['--presence-grace', '1s'] });
  const clients = await Promise.all(
    Array.from({ length: 8 }, () => ChatClient.connect(server.url, { user: fresh('u') })),
  );
  const [watcher, ...others] = clients;
  if (watcher === undefined) throw new Error('nobody');
  const gone = others.filter((client) => workerOf(client) !== workerOf(watcher));
  const stay = others.filter((client) => workerOf(client) === workerOf(watcher));
  expect(gone.length).toBeGreaterThan(0);
  await watcher.ask('presence:watch', { users: others.map(({ user }) => user) });
  await pause(500);
  const before = watcher.events.length;
  const since = performance.now();
  process.kill(workerOf(gone[0] ?? watcher), 'SIGKILL');
  await until(
    () => gone.every(({ user }) => toldOf(watcher, user).at(-1) === 'offline'),
    3_500,
    () => 'not all are offline',
  );
  expect(performance.now() - since).toBeGreaterThan(900);
  for (const { user } of stay)
    expect(toldOf(watcher, user).filter((status) => status === 'offline')).toEqual([]);
  expect(watcher.events.length).toBeGreaterThan(before);
  for (const client of clients) client.close();
}, 60_000);

test('redis: the users of a host that was killed are offline when lease and grace time are over', async () => {
  await using redis = await startRedis({ appendfsync: 'always' });
  const options = {
    adapter: 'redis' as const,
    workers: 2,
    redisUrl: redis.url,
    redisPrefix: fresh('p'),
    args: ['--presence-grace', '1s', '--presence-lease', '2s'],
  };
  await using one = await startServer(options);
  await using two = await startServer(options);
  using watcher = await ChatClient.connect(one.url, { user: fresh('me') });
  const gone = await Promise.all(
    Array.from({ length: 4 }, () => ChatClient.connect(two.url, { user: fresh('u') })),
  );
  await watcher.ask('presence:watch', { users: gone.map(({ user }) => user) });
  const status = async (): Promise<string[]> => {
    const { users } = await watcher.ask<{ users: { status: string }[] }>('presence:watch', {
      users: gone.map(({ user }) => user),
    });
    return users.map((user) => user.status);
  };
  for (let i = 0; i < 50 && (await status()).join() !== 'online,online,online,online'; i += 1)
    await pause(100);
  await two.kill();
  await until(
    () => gone.every(({ user }) => toldOf(watcher, user).at(-1) === 'offline'),
    6_000,
    () => 'not all are offline',
  );
}, 60_000);

test('while the store is away presence is unknown, and comes back', async () => {
  await using redis = await startRedis({ appendfsync: 'always' });
  await using server = await startServer({ adapter: 'redis', workers: 1, redisUrl: redis.url });
  using watcher = await ChatClient.connect(server.url, { user: fresh('me') });
  using ada = await ChatClient.connect(server.url, { user: fresh('ada') });
  await watcher.ask('presence:watch', { users: [ada.user] });
  await until(
    () => true,
    10,
    () => '',
  );
  await pause(500);
  redis.freeze();
  try {
    await until(
      () => toldOf(watcher, ada.user).at(-1) === 'unknown',
      15_000,
      () => 'not unknown',
    );
  } finally {
    redis.thaw();
  }
  await until(
    () => toldOf(watcher, ada.user).at(-1) === 'online',
    15_000,
    () => 'not online again',
  );
  expect(toldOf(watcher, ada.user)).not.toContain('offline');
}, 60_000);

test('400 posts of one user over four workers: the limit holds over all of them', async () => {
  await using server = await startServer({ workers: 4, args: ['--rate-posts', '100/1m'] });
  const user = fresh('ada');
  const room = fresh('room');
  const clients = await Promise.all(
    Array.from({ length: 8 }, () => ChatClient.connect(server.url, { user })),
  );
  for (const client of clients) await client.join(room);
  const replies = await Promise.all(
    clients.flatMap((client, i) =>
      Array.from({ length: 50 }, (_, k) =>
        client.request<{ seq: number }>('message:post', { room, id: `${i}-${k}`, text: 'x' }),
      ),
    ),
  );
  const stored = replies.filter((reply) => reply.ok).length;
  expect(stored).toBeGreaterThanOrEqual(90);
  expect(stored).toBeLessThanOrEqual(110);
  const refused = replies.filter((reply) => !reply.ok && reply.error.code === 'rate_limited');
  expect(refused).toHaveLength(400 - stored);
  for (const client of clients) client.close();
}, 60_000);

describe.each(['cluster', 'redis'] as const)('--adapter %s', (adapter) => {
  /** Where the next connection is made: two workers, and on Redis two hosts. */
  async function crowded(workers = 2) {
    const server = await openServer({
      adapter,
      workers,
      hosts: adapter === 'redis' ? 2 : 1,
      appendfsync: 'no',
      args: ['--max-sockets-per-user', '3'],
    });
    const { url, urls } = server;
    const [user, clients] = [fresh('ada'), [] as ChatClient[]];
    return {
      user,
      url,
      clients,
      async connect(): Promise<void> {
        clients.push(await ChatClient.connect(urls[clients.length % urls.length] ?? '', { user }));
        await pause(400);
      },
      connected: (): boolean[] => clients.map(({ socket }) => socket.connected),
      async [Symbol.asyncDispose]() {
        for (const client of clients) client.close();
        await server[Symbol.asyncDispose]();
      },
    };
  }

  test('over maxSocketsPerUser the oldest connections go, on whatever worker or host they are', async () => {
    await using crowd = await crowded();
    const { clients, connected } = crowd;
    for (let i = 0; i < 6; i += 1) await crowd.connect();
    await until(
      () => connected().filter(Boolean).length === 3,
      10_000,
      () => `${connected().join()}`,
    );
    expect(connected().slice(3)).toEqual([true, true, true]);
    await pause(1_000);
    expect(connected().filter(Boolean)).toHaveLength(3);
    for (const client of clients.slice(0, 3))
      await client.event('closing', (told: { reason: string }) => told.reason === 'replaced');
  }, 60_000);

  test('a connection that is being closed counts no more, though its client does not hear of it', async () => {
    // With the others beside it at the same worker.
    await using crowd = await crowded(1);
    const { clients, connected } = crowd;
    await connectDeaf(crowd.url, crowd.user);
    for (let i = 0; i < 3; i += 1) await crowd.connect();
    // What is written anew is counted anew.
    await clients[2]?.ask('presence:set', { status: 'away' });
    clients[0]?.close();
    await crowd.connect();
    await pause(2_000);
    expect(connected()).toEqual([false, true, true, true]);
    for (const { events } of clients) expect(events.filter(({ event }) => event === 'closing')).toEqual([]);
  }, 60_000);

  test('a connection that has ended counts no more, though its user is shown for the grace time', async () => {
    await using crowd = await crowded();
    const { clients, connected } = crowd;
    for (let i = 0; i < 3; i += 1) await crowd.connect();
    for (let i = 3; i < 9; i += 1) {
      clients[i - 3]?.close();
      await crowd.connect();
    }
    await pause(1_000);
    expect(connected()).toEqual(Array.from({ length: 9 }, (_, i) => i >= 6));
    expect(clients.flatMap(({ events }) => events.filter(({ event }) => event === 'closing'))).toEqual([]);
  }, 60_000);

  test('changes that come close to each other are told together, the last of them last', async () => {
    await using server = await openServer({
      adapter,
      appendfsync: 'no',
      args: ['--presence-coalesce', '1s', '--rate-requests', '0'],
    });
    using watcher = await ChatClient.connect(server.url, { user: fresh('me') });
    using ada = await ChatClient.connect(server.url, { user: fresh('ada') });
    const watch = async (): Promise<string | undefined> => {
      const { users } = await watcher.ask<{ users: { status: string }[] }>('presence:watch', {
        users: [ada.user],
      });
      return users[0]?.status;
    };
    for (let i = 0; i < 50 && (await watch()) !== 'online'; i += 1) await pause(50);
    const began = performance.now();
    const ends = ['away', 'online', 'away', 'online'];
    let sets = 0;
    for (const last of ends) {
      for (const from = performance.now(); performance.now() - from < 1_000; sets += 1)
        await ada.ask('presence:set', { status: sets % 2 === 0 ? 'away' : 'online' });
      await ada.ask('presence:set', { status: last });
      await until(
        () => toldOf(watcher, ada.user).at(-1) === last,
        5_000,
        () => `they were told ${toldOf(watcher, ada.user).join(', ')}, not ${last}`,
      );
    }
    expect(sets).toBeGreaterThan(50);
    expect(toldOf(watcher, ada.user).length).toBeLessThanOrEqual((performance.now() - began) / 1_000 + 1);
  }, 60_000);

  test('whoever comes back after a reload was never away', async () => {
    const key = 'the-key-that-may-everything';
    await using server = await openServer({ adapter, appendfsync: 'no', args: ['--api-key', key] });
    const workers = (): number[] => server.hosts[0]?.workers() ?? [];
    using ada = await ChatClient.connect(server.url, { user: fresh('ada'), reconnects: true });
    /** Undefined while the worker that was asked goes away. */
    const status = async (): Promise<string | undefined> => {
      const answer = await fetch(`${server.url}/api/v1/users/${ada.user}`, {
        headers: { authorization: `Bearer ${key}` },
      }).catch(() => undefined);
      return answer?.ok === true ? ((await answer.json()) as { status: string }).status : undefined;
    };
    for (let i = 0; i < 100 && (await status()) !== 'online'; i += 1) await pause(50);
    const before = workers();
    server.hosts[0]?.signal('SIGHUP');
    const seen = new Set<string | undefined>();
    const isOver = (): boolean =>
      workers().length === before.length && !workers().some((pid) => before.includes(pid));
    // The grace time is 5 s.
    for (let until = performance.now() + 60_000, over = false; performance.now() < until; await pause(50)) {
      seen.add(await status());
      if (over || !isOver()) continue;
      over = true;
      until = performance.now() + 7_000;
    }
    seen.delete(undefined);
    expect(isOver()).toBe(true);
    expect([...seen]).toEqual(['online']);
    expect(ada.welcomes).toBeGreaterThan(1);
  }, 90_000);
});
