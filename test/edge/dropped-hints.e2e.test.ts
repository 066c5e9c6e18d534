/** Rights while nothing that a worker tells another arrives: the log is the truth, what is told is a hint. */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { RoomState } from '../../src/protocol/words.ts';
import { ChatClient, fresh } from '../support/client.ts';
import { openServer } from '../support/server-handle.ts';

describe.each(['cluster', 'redis'] as const)('--adapter %s', (adapter) => {
  test('who is invited, kicked or banned on another worker is told, and gets nothing after it', async () => {
    await using server = await openServer({
      adapter,
      faults: 'adapter.drop=1',
    });
    using owner = await ChatClient.connect(server.url, { user: fresh('owner') });
    const all = await Promise.all(
      Array.from({ length: 6 }, () => ChatClient.connect(server.url, { user: fresh('u') })),
    );
    const [kicked, banned] = all.filter(({ welcome }) => welcome.server.node !== owner.welcome.server.node);
    if (kicked === undefined || banned === undefined) throw new Error('all are at one worker');
    const room = fresh('room');
    await owner.ask('room:create', { room, kind: 'private' });
    for (const { user } of [kicked, banned]) await owner.ask('member:set', { room, user });
    for (const client of [kicked, banned])
      await client.event('room', (state: RoomState) => state.room === room);
    await owner.post(room, 'before');
    for (const client of [kicked, banned]) await client.reach(room, 3);
    await owner.ask('member:remove', { room, user: kicked.user });
    const { seq } = await owner.ask<{ seq: number }>('member:set', { room, user: banned.user, banned: true });
    await owner.post(room, 'after');
    const gone = (client: ChatClient, reason: string) =>
      client.event(
        'room',
        (event: { room: string; gone?: string }) => event.room === room && event.gone === reason,
      );
    await gone(kicked, 'kicked');
    await gone(banned, 'banned');
    await owner.reach(room, seq + 1);
    await pause(2_500);
    for (const client of [kicked, banned]) {
      expect(client.texts(room)).toEqual(['before']);
      expect(client.follower.faults).toEqual([]);
    }
    for (const client of all) client.close();
  }, 60_000);
});
