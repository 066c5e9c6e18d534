/** Hooks: every entry at least once, in order per room, over failures of the receiver and kill -9 of the server. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ChatClient, fresh, until } from '../support/client.ts';
import { HOOK_SECRET, startReceiver } from '../support/hook-receiver.ts';
import { startRedis } from '../support/redis.ts';
import { startServer, type RunningServer } from '../support/server.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe.each(['cluster', 'redis'] as const)('--adapter %s', (adapter) => {
  test('what is posted is sent, signed, also what was posted while the receiver was down', async () => {
    await using redis = adapter === 'redis' ? await startRedis({ appendfsync: 'always' }) : undefined;
    await using receiver = await startReceiver();
    await using server = await startServer({
      adapter,
      ...(redis === undefined ? {} : { redisUrl: redis.url }),
      args: ['--hook', receiver.url, '--hook-secret', HOOK_SECRET],
    });
    using ada = await ChatClient.connect(server.url, { user: fresh('ada') });
    const rooms = [fresh('room'), fresh('room')];
    for (const room of rooms) await ada.join(room);
    for (const room of rooms) for (let i = 0; i < 20; i += 1) await ada.post(room, `${i}`);
    await until(
      () => rooms.every((room) => receiver.seqs(room).length === 20),
      15_000,
      () => 'not all was sent',
    );
    receiver.status = 500;
    for (const room of rooms) for (let i = 0; i < 150; i += 1) await ada.post(room, `${i}`);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    receiver.status = 204;
    await until(
      () => rooms.every((room) => receiver.seqs(room).length === 170),
      30_000,
      () => 'not all was sent',
    );
    expect(receiver.seqs(rooms[0] ?? '')).toEqual(upTo(170));
    const [first] = receiver.events.filter(({ room }) => room === rooms[0]);
    expect(first).toMatchObject({ type: 'log', namespace: '/' });
    expect(first?.messages[0]).toMatchObject({ seq: 1, from: ada.user, kind: 'text', text: '0' });
    expect(receiver.faults).toEqual([]);
  }, 90_000);

  test('who joins, comes and goes is told, each once', async () => {
    await using redis = adapter === 'redis' ? await startRedis({ appendfsync: 'no' }) : undefined;
    await using receiver = await startReceiver();
    await using server = await startServer({
      adapter,
      ...(redis === undefined ? {} : { redisUrl: redis.url }),
      args: ['--hook', receiver.url, '--hook-secret', HOOK_SECRET, '--presence-grace', '300ms'],
    });
    const [user, room] = [fresh('ada'), fresh('room')];
    const told = (): string[] =>
      receiver.others
        .filter((event) => event.user === user)
        .map((event) => `${event.type} ${event.namespace} ${event.room ?? ''}`.trim());
    const tells = (events: readonly string[]): Promise<void> =>
      until(
        () => JSON.stringify(told().toSorted()) === JSON.stringify(events.toSorted()),
        10_000,
        () => `told ${JSON.stringify(told())} and not ${JSON.stringify(events)}`,
      );
    const sockets = await Promise.all([1, 2, 3, 4].map(() => ChatClient.connect(server.url, { user })));
    for (const socket of sockets) await socket.join(room);
    await tells(['user.online /', `member.joined / ${room}`]);
    for (const socket of sockets) socket.close();
    await tells(['user.online /', `member.joined / ${room}`, 'user.offline /']);
    using again = await ChatClient.connect(server.url, { user });
    await again.join(room);
    await tells(['user.online /', `member.joined / ${room}`, 'user.offline /', 'user.online /']);
    expect(receiver.faults).toEqual([]);
  }, 60_000);

  test('a receiver that does not answer keeps up neither a post nor another receiver; a killed worker neither', async () => {
    await using redis = adapter === 'redis' ? await startRedis({ appendfsync: 'always' }) : undefined;
    await using slow = await startReceiver();
    await using quick = await startReceiver();
    slow.status = 0;
    await using server = await startServer({
      adapter,
      ...(redis === undefined ? {} : { redisUrl: redis.url }),
      args: ['--hook', `${slow.url},${quick.url}`, '--hook-secret', HOOK_SECRET, '--presence-lease', '2s'],
    });
    using ada = await ChatClient.connect(server.url, { user: 'ada', reconnects: true });
    const room = fresh('room');
    await ada.join(room);
    let posted = 0;
    const post = async (): Promise<void> => {
      for (let i = 0; i < 50; i += 1) await ada.postSurely(room, `${i}`);
      posted += 50;
      await until(
        () => quick.seqs(room).length === posted,
        30_000,
        () => `${quick.seqs(room).length} of ${posted} were sent`,
      );
    };
    await post();
    // One of the two is the one that sends.
    for (const pid of server.workers()) {
      process.kill(pid, 'SIGKILL');
      await until(
        () => !server.workers().includes(pid) && server.workers().length === 2,
        15_000,
        () => 'the worker is not replaced',
      );
      await post();
    }
    expect(slow.seqs(room)).toEqual([]);
    slow.status = 204;
    await until(
      () => slow.seqs(room).length === posted,
      40_000,
      () => `${slow.seqs(room).length} of ${posted} were sent`,
    );
    for (const receiver of [slow, quick]) expect(receiver.faults).toEqual([]);
  }, 150_000);

  test('kill -9 of the server in between loses none', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'chat-hooks-'));
    await using redis = adapter === 'redis' ? await startRedis({ appendfsync: 'always' }) : undefined;
    await using receiver = await startReceiver();
    const redisPrefix = fresh('h');
    const start = (): Promise<RunningServer> =>
      startServer({
        adapter,
        dataDir,
        redisPrefix,
        ...(redis === undefined ? {} : { redisUrl: redis.url }),
        args: ['--hook', receiver.url, '--hook-secret', HOOK_SECRET, '--presence-lease', '2s'],
      });
    const room = fresh('room');
    let posted = 0;
    for (let turn = 0; turn < 3; turn += 1) {
      await using server = await start();
      using ada = await ChatClient.connect(server.url, { user: 'ada' });
      await ada.join(room);
      receiver.status = turn === 1 ? 503 : 204;
      for (let i = 0; i < 30; i += 1) {
        await ada.post(room, `${turn}.${i}`);
        posted += 1;
      }
      if (turn < 2) await server.kill();
      else
        await until(
          () => receiver.seqs(room).length === posted,
          40_000,
          () => `${receiver.seqs(room).length} of ${posted} were sent`,
        );
    }
    expect(receiver.seqs(room)).toEqual(upTo(90));
    expect(receiver.faults).toEqual([]);
    rmSync(dataDir, { recursive: true, force: true });
  }, 120_000);
});

test('a hook without a secret, or with a short one, is a mistake that is named', async () => {
  await expect(startServer({ args: ['--hook', 'http://127.0.0.1:1/'] })).rejects.toThrow('--hook-secret');
  await expect(
    startServer({ args: ['--hook', 'http://127.0.0.1:1/', '--hook-secret', 'short'] }),
  ).rejects.toThrow('16 bytes');
});
