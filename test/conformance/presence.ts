/** Presence over the wire (G8): who is there, on whatever worker or host. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { RoomState, UserPresence } from '../../src/protocol/words.ts';
import { type ChatClient, fresh, until, type ClientOptions } from '../support/client.ts';

type Connect = (user: string, options?: Omit<ClientOptions, 'user'>) => Promise<ChatClient>;

interface Change {
  readonly users: UserPresence[];
  readonly counts?: Record<string, number>;
}

/** What a watcher was told of one user, one after the other. */
function toldOf(watcher: ChatClient, user: string): string[] {
  return watcher.events
    .filter(({ event }) => event === 'presence')
    .flatMap(({ object }) => (object as Change).users)
    .filter((presence) => presence.user === user)
    .map(({ status }) => status);
}

/** `connect`: a client of this user, each at another worker or host in turn. */
export function presence(connect: Connect): void {
  const watch = (client: ChatClient, what: object) => client.ask<Change>('presence:watch', what);
  const told = (watcher: ChatClient, user: string, statuses: string[], withinMs = 10_000) =>
    until(
      () => toldOf(watcher, user).join() === statuses.join(),
      withinMs,
      () => `${user} was told as ${toldOf(watcher, user).join()}, not ${statuses.join()}`,
    );

  test('G8: somebody is online as long as one of their devices is, anywhere', async () => {
    const [ada, user] = [await connect(fresh('ada')), fresh('bob')];
    expect(await watch(ada, { users: [user] })).toEqual({
      ok: true,
      users: [{ user, status: 'offline', lastSeen: 0 }],
    });
    const devices = [await connect(user), await connect(user), await connect(user)];
    await told(ada, user, ['online']);
    devices[0]?.close();
    devices[1]?.close();
    await pause(6_500);
    expect(toldOf(ada, user)).toEqual(['online']);
    const since = Date.now();
    devices[2]?.close();
    await told(ada, user, ['online', 'offline']);
    const { users } = await watch(ada, { users: [user] });
    expect(Math.abs((users[0]?.lastSeen ?? 0) - since)).toBeLessThan(2_000);
  }, 30_000);

  test('G8: nobody flickers who comes back within the grace time', async () => {
    const [ada, user] = [await connect(fresh('ada')), fresh('bob')];
    await watch(ada, { users: [user] });
    let bob = await connect(user);
    await told(ada, user, ['online']);
    for (let i = 0; i < 3; i += 1) {
      bob.close();
      await pause(1_000);
      bob = await connect(user);
    }
    await pause(6_000);
    expect(toldOf(ada, user)).toEqual(['online']);
    bob.close();
  }, 30_000);

  test('away is who is away on all devices', async () => {
    const [ada, user] = [await connect(fresh('ada')), fresh('bob')];
    await watch(ada, { users: [user] });
    const [one, two] = [await connect(user), await connect(user)];
    await told(ada, user, ['online']);
    await one.ask('presence:set', { status: 'away' });
    await pause(500);
    expect(toldOf(ada, user)).toEqual(['online']);
    await two.ask('presence:set', { status: 'away' });
    await told(ada, user, ['online', 'away']);
    await one.ask('presence:set', { status: 'online' });
    await told(ada, user, ['online', 'away', 'online']);
  });

  test('a room gives its members, also those who come and go', async () => {
    const room = fresh('room');
    const [ada, bob] = [await connect(fresh('ada')), await connect(fresh('bob'))];
    await ada.join(room);
    await expect(watch(bob, { rooms: [room] })).rejects.toThrow('not_found');
    const { users } = await watch(ada, { rooms: [room] });
    expect(users.map(({ user }) => user)).toEqual([ada.user]);
    await bob.join(room);
    await told(ada, bob.user, ['online']);
    await bob.leave(room);
    expect((await watch(ada, { rooms: [room] })).users.map(({ user }) => user)).toEqual([ada.user]);
  });

  test('a watch replaces the one before', async () => {
    const [ada, one, two] = [await connect(fresh('ada')), fresh('one'), fresh('two')];
    await watch(ada, { users: [one] });
    await watch(ada, { users: [two] });
    await connect(one);
    await connect(two);
    await told(ada, two, ['online']);
    await pause(500);
    expect(toldOf(ada, one)).toEqual([]);
  });

  test('typing is told to the others, once a second at most, and ends by itself', async () => {
    const room = fresh('room');
    const [ada, bob, cem] = await Promise.all(['ada', 'bob', 'cem'].map((name) => connect(fresh(name))));
    if (ada === undefined || bob === undefined || cem === undefined) throw new Error('nobody');
    for (const client of [ada, bob, cem]) await client.join(room);
    const heard = (client: ChatClient) =>
      client.events.filter(({ event }) => event === 'typing').map(({ object }) => object);
    for (let i = 0; i < 5; i += 1) await ada.ask('typing', { room, on: true });
    await until(
      () => heard(bob).length > 0 && heard(cem).length > 0,
      5_000,
      () => 'no typing came',
    );
    expect(heard(bob)).toEqual([{ room, user: ada.user, on: true }]);
    await until(
      () => heard(bob).length === 2,
      10_000,
      () => 'typing did not end',
    );
    expect(heard(bob)[1]).toEqual({ room, user: ada.user, on: false });
    expect(heard(ada)).toEqual([]);
    const reply = await ada.request('typing', { room: fresh('other'), on: true });
    expect(reply).toMatchObject({ ok: false, error: { code: 'not_found' } });
  }, 30_000);

  test('what somebody has read is told to the others, and to their own other devices', async () => {
    const room = fresh('room');
    const user = fresh('bob');
    const [ada, one] = [await connect(fresh('ada')), await connect(user)];
    await ada.join(room);
    await one.join(room);
    const two = await connect(user);
    await ada.post(room, 'one');
    await ada.post(room, 'two');
    await one.ask('read', { room, seq: 1 });
    for (const client of [ada, two]) expect(await client.event('read')).toEqual({ room, user, seq: 1 });
    expect(one.events.some(({ event }) => event === 'read')).toBe(false);
    const { rooms } = await two.ask<{ rooms: RoomState[] }>('room:mine', {});
    expect(rooms.find((state) => state.room === room)).toMatchObject({ read: 1, unread: 1 });
  });
}
