/** What the end of a membership means for everybody. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type ChatClient, fresh } from '../support/client.ts';

/** `connect`: a client of this user, each at another worker or host in turn. */
export function leaving(connect: (user: string) => Promise<ChatClient>): void {
  test('G9: leaving is an entry of the log, and the user’s other sockets are told', async () => {
    const room = fresh('room');
    const user = fresh('ada');
    const one = await connect(user);
    const two = await connect(user);
    const bob = await connect(fresh('bob'));
    await bob.join(room);
    await one.join(room);
    await two.event('room', (state: { room: string }) => state.room === room);
    await one.leave(room);
    await two.event(
      'room',
      (state: { room: string; gone?: string }) => state.room === room && state.gone === 'left',
    );
    await bob.reach(room, 1);
    expect(bob.messages(room)[0]).toMatchObject({ kind: 'system', data: { action: 'left', user } });
    expect(await one.request('message:post', { room, id: 'x', text: 'late' })).toMatchObject({
      ok: false,
      error: { code: 'not_found' },
    });
  });

  test('a join is told to the user’s other sockets at once, not when they look for themselves', async () => {
    const user = fresh('ada');
    const one = await connect(user);
    const two = await connect(user);
    for (let i = 0; i < 3; i += 1) {
      const room = fresh('room');
      const told = two.event('room', (state: { room: string }) => state.room === room);
      const since = performance.now();
      await one.join(room);
      await told;
      // They look every 1.5 s, and did so last when the room before was told.
      expect(performance.now() - since).toBeLessThan(1_000);
    }
  });

  test('G2: who leaves and joins again at once loses the room on no socket', async () => {
    const room = fresh('room');
    const user = fresh('ada');
    const one = await connect(user);
    const others = await Promise.all(Array.from({ length: 4 }, () => connect(user)));
    const bob = await connect(fresh('bob'));
    await bob.join(room);
    await one.join(room);
    for (const other of others) await other.event('room', (state: { room: string }) => state.room === room);
    const replies = await one.inOneWrite<object>(() => [
      one.request('room:leave', { room }),
      one.request('room:join', { room }),
      one.request('message:post', { room, id: 'behind', text: 'behind the join' }),
    ]);
    expect(replies).toMatchObject([{ ok: true }, { ok: true, from: { seq: 1 } }, { ok: true, seq: 2 }]);
    // Longer than from one look at what changed to the next.
    await pause(3_000);
    const { seq } = await bob.post(room, 'after');
    for (const client of [one, ...others]) await client.reach(room, seq);
  });
}
