/** Hooks: every entry at least once, in order per room, over failures of the receiver and kill -9 of the server. */
import { describe, expect, test } from 'vitest';
import { ChatClient, fresh, until } from '../support/client.ts';
import { HOOK_SECRET, startReceiver } from '../support/hook-receiver.ts';
import { openServer } from '../support/server-handle.ts';
import { signalTo, startServer } from '../support/server.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe.each(['cluster', 'redis'] as const)('--adapter %s', (adapter) => {
  test('what is posted is sent, signed, also what was posted while the receiver was down', async () => {
    await using receiver = await startReceiver();
    await using server = await openServer({
      adapter,
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
    await using receiver = await startReceiver();
    await using server = await openServer({
      adapter,
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

  test('entries of every kind are sent as a member has them', async () => {
    await using receiver = await startReceiver();
    await using server = await openServer({
      adapter,
      args: ['--hook', receiver.url, '--hook-secret', HOOK_SECRET],
    });
    using ada = await ChatClient.connect(server.url, { user: fresh('ada') });
    using bob = await ChatClient.connect(server.url, { user: fresh('bob') });
    const room = fresh('room');
    await ada.ask('room:create', { room, kind: 'private', title: 'tea' });
    await ada.ask('member:set', { room, user: bob.user, role: 'admin' });
    await ada.ask('room:set', { room, title: 'more tea' });
    const { seq } = await bob.post(room, 'hello');
    await ada.ask('message:post', { room, id: '1', text: 'hi', replyTo: seq, data: { cups: [2] } });
    await bob.ask('message:edit', { room, id: '2', seq, text: 'hello!' });
    const react = { room, id: '3', seq, emoji: '🍵', on: true };
    const { seq: reacted } = await ada.ask<{ seq: number }>('message:react', react);
    // Whoever is sent a text before it is deleted has it, whoever is sent it after has not.
    await ada.reach(room, reacted);
    await until(
      () => receiver.seqs(room).at(-1) === reacted,
      15_000,
      () => `${receiver.seqs(room).length} of ${reacted} were sent`,
    );
    await bob.ask('message:delete', { room, id: '4', seq });
    await ada.ask('member:set', { room, user: bob.user, banned: true });
    const log = await ada.log(room);
    const last = log.at(-1)?.seq ?? 0;
    await ada.reach(room, last);
    const had = ada.messages(room);
    expect(new Set(had.map(({ kind }) => kind))).toEqual(
      new Set(['system', 'text', 'edit', 'reaction', 'delete']),
    );
    await until(
      () => receiver.seqs(room).at(-1) === last,
      15_000,
      () => `${receiver.seqs(room).length} of ${last} were sent`,
    );
    const sent = new Map(
      receiver.events
        .filter((event) => event.room === room)
        .flatMap(({ messages }) => messages.map((message) => [message.seq, message])),
    );
    expect(had.map(({ seq }) => sent.get(seq))).toEqual(had);
    expect(had.at(-1)?.seq).toBe(last);
  }, 60_000);

  test('a receiver that does not answer keeps up neither a post nor another receiver; a killed worker neither', async () => {
    await using slow = await startReceiver();
    await using quick = await startReceiver();
    slow.status = 0;
    await using server = await openServer({
      adapter,
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
    const [host] = server.hosts;
    for (const pid of host?.workers() ?? []) {
      signalTo(pid, 'SIGKILL');
      await until(
        () => host?.workers().includes(pid) === false && host.workers().length === 2,
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
    await using receiver = await startReceiver();
    await using server = await openServer({
      adapter,
      args: ['--hook', receiver.url, '--hook-secret', HOOK_SECRET, '--presence-lease', '2s'],
    });
    const room = fresh('room');
    let posted = 0;
    for (let turn = 0; turn < 3; turn += 1) {
      using ada = await ChatClient.connect(server.url, { user: 'ada' });
      await ada.join(room);
      receiver.status = turn === 1 ? 503 : 204;
      for (let i = 0; i < 30; i += 1) {
        await ada.post(room, `${turn}.${i}`);
        posted += 1;
      }
      if (turn < 2) await server.crash();
      else
        await until(
          () => receiver.seqs(room).length === posted,
          40_000,
          () => `${receiver.seqs(room).length} of ${posted} were sent`,
        );
    }
    expect(receiver.seqs(room)).toEqual(upTo(90));
    expect(receiver.faults).toEqual([]);
  }, 120_000);
});

test('a hook without a secret, or with a short one, is a mistake that is named', async () => {
  await expect(startServer({ args: ['--hook', 'http://127.0.0.1:1/'] })).rejects.toThrow('--hook-secret');
  await expect(
    startServer({ args: ['--hook', 'http://127.0.0.1:1/', '--hook-secret', 'short'] }),
  ).rejects.toThrow('16 bytes');
});
