/** What a client is told when it comes, and what it asks before it was told. */
import { io, type Socket } from 'socket.io-client';
import { expect, test } from 'vitest';
import type { RoomState } from '../../src/protocol/words.ts';
import { type ChatClient, fresh, type ClientOptions, type Welcome } from '../support/client.ts';
import { API_KEYS } from './api.ts';

type Connect = (user: string, options?: Omit<ClientOptions, 'user'>) => Promise<ChatClient>;

/** `connect`: a client of this user, each at another worker or host in turn. */
export function welcome(connect: Connect, urls: () => readonly string[]): void {
  const once = <T>(socket: Socket, event: string): Promise<T> =>
    new Promise((resolve) => socket.once(event, (object: T) => resolve(object)));

  test('the rooms that `welcome` has no place for come with its cursor, each once, with where they start', async () => {
    const user = fresh('ada');
    const one = await connect(user);
    const names = Array.from({ length: 207 }, (_, i) => fresh(`room-${i}`));
    await Promise.all(names.map((name) => one.join(name)));
    const two = await connect(user, { device: fresh('phone') });
    const { rooms, cursor } = two.welcome;
    expect(rooms).toHaveLength(200);
    expect(cursor).toBeTruthy();
    const rest: RoomState[] = [];
    for (let next = cursor; next !== undefined; ) {
      const page = await two.ask<{ rooms: RoomState[]; cursor?: string }>('room:mine', {
        cursor: next,
        limit: 3,
      });
      rest.push(...page.rooms);
      next = page.cursor;
    }
    expect(rest).toHaveLength(7);
    expect([...rooms, ...rest].map(({ room }) => room).toSorted()).toEqual(names.toSorted());
    // Where it started, not where it is by now.
    const [last] = rest;
    if (last === undefined) throw new Error('no rest');
    expect(rest.map(({ from }) => from?.seq)).toEqual(rest.map(() => 0));
    await one.post(last.room, 'new');
    await two.event('messages', (event: { room: string }) => event.room === last.room);
    const again = await two.ask<{ rooms: RoomState[] }>('room:mine', { cursor, limit: 10 });
    expect(again.rooms.find(({ room }) => room === last.room)).toMatchObject({ head: 1, from: { seq: 0 } });
    const all = await two.ask<{ rooms: RoomState[] }>('room:mine', { limit: 200 });
    expect(all.rooms).toHaveLength(200);
  });

  test('a socket whose client names no device has one that is made up for it', async () => {
    const [one, two] = [await connect(fresh('ada')), await connect(fresh('bob'))];
    expect(one.welcome.device).toMatch(/^[A-Za-z0-9_.@-]{1,64}$/);
    expect(one.welcome.device).not.toBe(two.welcome.device);
    expect((await connect(fresh('cem'), { device: 'phone' })).welcome.device).toBe('phone');
  });

  test('what is asked before `welcome` came finds the rooms, and the cursors of a new device', async () => {
    const [room, user] = [fresh('room'), fresh('ada')];
    const first = await connect(user, { device: 'phone' });
    const bob = await connect(fresh('bob'));
    await first.join(room);
    await bob.join(room);
    for (let i = 0; i < 5; i += 1) await bob.post(room, `${i}`);
    const socket = io(urls()[0] ?? '', {
      transports: ['websocket'],
      forceNew: true,
      auth: { user, device: 'laptop' },
    });
    try {
      const asked = await new Promise<unknown[]>((resolve) => {
        socket.once('connect', () => {
          const ask = (event: string, object: object): Promise<unknown> => socket.emitWithAck(event, object);
          resolve(
            Promise.all([
              ask('typing', { room, on: true }),
              ask('room:join', { room }),
              ask('delivered', { positions: { [room]: { epoch: first.welcome.session, seq: 1 } } }),
            ]),
          );
        });
      });
      // A second device starts at the head: what was said before is the other one's.
      expect(asked).toMatchObject([{ ok: true }, { ok: true, head: 5, delivered: { seq: 5 } }, { ok: true }]);
    } finally {
      socket.close();
    }
  });

  test('two namespaces on one connection end together, and both are told', async () => {
    const user = fresh('ada');
    const url = urls()[0] ?? '';
    const root = io(url, { transports: ['websocket'], forceNew: true, auth: { user } });
    const acme = root.io.socket('/acme', { auth: { user } });
    acme.connect();
    try {
      await Promise.all([once<Welcome>(root, 'welcome'), once<Welcome>(acme, 'welcome')]);
      const told = Promise.all([once(root, 'closing'), once(acme, 'closing')]);
      const path = `/api/v1/users/${user}/disconnect?namespace=/acme`;
      const headers = { authorization: `Bearer ${API_KEYS.all}` };
      expect((await fetch(`${url}${path}`, { method: 'POST', headers })).status).toBe(204);
      expect(await told).toMatchObject([{ reason: 'revoked' }, { reason: 'revoked' }]);
    } finally {
      root.io._close();
    }
  });
}
