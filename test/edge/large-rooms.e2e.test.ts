/** Rooms of more members than `--max-presence-list`: counted, and told of no `read`. */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ChatClient, fresh } from '../support/client.ts';
import { openServer } from '../support/server-handle.ts';

interface Watched {
  readonly users: readonly { readonly user: string; readonly status: string }[];
  readonly counts?: Readonly<Record<string, number>>;
}

describe.each(['cluster', 'redis'] as const)('--adapter %s', (adapter) => {
  test('a small room gives its users and what they read, a larger one a count', async () => {
    await using server = await openServer({
      adapter,
      appendfsync: 'no',
      args: ['--max-presence-list', '2'],
    });
    const connect = () => ChatClient.connect(server.url, { user: fresh('u') });
    using ada = await connect();
    using bob = await connect();
    using cem = await connect();
    const [small, large] = [fresh('small'), fresh('large')];
    for (const client of [ada, bob]) await client.join(small);
    for (const client of [ada, bob, cem]) await client.join(large);
    let seen: Watched = { users: [] };
    // Who has just come is counted a moment later.
    for (const end = performance.now() + 10_000; performance.now() < end; await pause(200)) {
      seen = await ada.ask<Watched>('presence:watch', { rooms: [small, large] });
      if (seen.counts?.[large] === 3 && seen.users.every(({ status }) => status === 'online')) break;
    }
    expect(seen.counts).toEqual({ [large]: 3 });
    expect(seen.users.map(({ user }) => user).toSorted()).toEqual([ada.user, bob.user].toSorted());

    for (const room of [large, small]) {
      await ada.post(room, 'hello');
      await bob.reach(room, 1);
      await bob.ask('read', { room, seq: 1 });
    }
    expect(await ada.event('read')).toEqual({ room: small, user: bob.user, seq: 1 });
    await pause(300);
    expect(ada.events.filter(({ event }) => event === 'read')).toHaveLength(1);
  }, 60_000);
});
