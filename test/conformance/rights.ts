/** Rights over the wire (G14): who is told what, and what nobody gets after. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Message, RoomState } from '../../src/protocol/words.ts';
import { type ChatClient, fresh, type ClientOptions } from '../support/client.ts';

type Connect = (user: string, options?: Omit<ClientOptions, 'user'>) => Promise<ChatClient>;

interface At {
  readonly epoch: string;
  readonly seq: number;
}

/** `connect`: a client of this user, each at another worker or host in turn. */
export function rights(connect: Connect): void {
  /** A room of this kind with an owner and others, all connected. */
  async function owned(kind: 'public' | 'private', count: number): Promise<[string, ChatClient[]]> {
    const room = fresh('room');
    const all = await Promise.all(Array.from({ length: count }, (_, i) => connect(fresh(`u${i}`))));
    const [owner, ...others] = all;
    await owner?.ask('room:create', { room, kind });
    for (const other of others) {
      await owner?.ask('member:set', { room, user: other.user });
      await other.event('room', (state: RoomState) => state.room === room);
    }
    return [room, all];
  }

  const gone = (client: ChatClient, room: string, reason: string): Promise<unknown> =>
    client.event(
      'room',
      (event: { room: string; gone?: string }) => event.room === room && event.gone === reason,
    );
  const code = async (client: ChatClient, event: string, object: object): Promise<string> => {
    const reply = await client.request(event, object);
    return reply.ok ? 'ok' : reply.error.code;
  };

  test('G14: an invitation opens a private room to somebody, wherever they are, from its entry on', async () => {
    const room = fresh('room');
    const [ada, bob, phone] = [await connect(fresh('ada')), await connect(fresh('bob')), fresh('phone')];
    const away = await connect(fresh('cem'), { device: phone });
    await ada.ask('room:create', { room, kind: 'private', title: 'Board' });
    await ada.post(room, 'before');
    expect(await code(bob, 'room:join', { room })).toBe('not_found');
    away.close();
    for (const user of [bob.user, away.user]) {
      const reply = await ada.ask<{ member: object } & At>('member:set', { room, user });
      expect(reply.member).toEqual({ user, name: user, role: 'member' });
      expect(reply.epoch).not.toBe('');
    }
    const state = (await bob.event('room', (event: RoomState) => event.room === room)) as RoomState;
    expect(state).toMatchObject({ kind: 'private', title: 'Board', role: 'member', from: { seq: 1 } });
    await ada.post(room, 'after');
    await bob.reach(room, 4);
    expect(bob.texts(room)).toEqual(['after']);
    // Invited while away: everything since is there when the device comes back.
    const back = await connect(away.user, { device: phone });
    await back.reach(room, 4);
    expect(back.messages(room).map(({ kind }) => kind)).toEqual(['system', 'text']);
    const { messages } = await bob.ask<{ messages: Message[] }>('history', { room });
    expect(messages.map(({ seq }) => seq)).toEqual([2, 3, 4]);
  });

  test.each(['kicked', 'banned'] as const)(
    'G14: who is %s gets nothing with a later seq, on any socket, and history neither',
    async (reason) => {
      const [room, [owner, bob, cem]] = await owned('public', 3);
      if (owner === undefined || bob === undefined || cem === undefined) throw new Error('nobody');
      const second = await connect(bob.user);
      const watching = await connect(bob.user, { subscribe: false });
      for (let i = 0; i < 20; i += 1) await owner.post(room, `before ${i}`);
      const posting = Promise.all(Array.from({ length: 50 }, (_, i) => owner.post(room, `beside ${i}`)));
      const { seq } =
        reason === 'kicked'
          ? await owner.ask<At>('member:remove', { room, user: bob.user })
          : await owner.ask<At>('member:set', { room, user: bob.user, banned: true });
      await posting;
      const { seq: last } = await owner.post(room, 'after');
      await cem.reach(room, last);
      for (const socket of [bob, second]) {
        await gone(socket, room, reason);
        const seqs = socket.messages(room).map((message) => message.seq);
        expect(Math.max(...seqs)).toBeLessThanOrEqual(seq);
        expect(await code(socket, 'message:post', { room, id: 'x', text: 'late' })).toBe('not_found');
        expect(await code(socket, 'history', { room })).toBe('not_found');
        expect(socket.follower.faults).toEqual([]);
      }
      // Without a feed, which would have it from the log, too.
      await gone(watching, room, reason);
      expect(await code(bob, 'room:join', { room })).toBe(reason === 'banned' ? 'banned' : 'ok');
      const entry = cem.messages(room).find((message) => message.seq === seq);
      expect(entry).toMatchObject({
        kind: 'system',
        data: { action: reason === 'kicked' ? 'removed' : 'banned', user: bob.user, by: owner.user },
      });
    },
  );

  test('a change of role, title or kind is told to whom it is about', async () => {
    const [room, [owner, bob]] = await owned('public', 2);
    if (owner === undefined || bob === undefined) throw new Error('nobody');
    await owner.ask('member:set', { room, user: bob.user, role: 'admin' });
    await bob.event('room', (state: RoomState) => state.role === 'admin');
    expect(await bob.ask('room:set', { room, title: 'Tea' })).toMatchObject({ title: 'Tea', role: 'admin' });
    await owner.event('room', (state: RoomState) => state.title === 'Tea' && state.role === 'owner');
    await owner.ask('room:set', { room, kind: 'private' });
    await bob.event('room', (state: RoomState) => state.kind === 'private');
    expect(await code(bob, 'member:set', { room, user: owner.user, banned: true })).toBe('forbidden');
    expect(await code(owner, 'room:leave', { room })).toBe('conflict');
  });

  test('a mute refuses posts until it ends, and says when', async () => {
    const [room, [owner, bob]] = await owned('public', 2);
    if (owner === undefined || bob === undefined) throw new Error('nobody');
    const { seq } = await bob.post(room, 'mine');
    const mutedUntil = Date.now() + 1_500;
    await owner.ask('member:set', { room, user: bob.user, mutedUntil });
    const reply = await bob.request('message:post', { room, id: 'a', text: 'x' });
    expect(reply).toMatchObject({ ok: false, error: { code: 'muted', retry: false } });
    if (reply.ok) throw new Error('not muted');
    expect(reply.error.retryAfterMs).toBeGreaterThan(0);
    for (const [event, more] of [
      ['message:edit', { text: 'x' }],
      ['message:delete', {}],
      ['message:react', { emoji: '👍', on: true }],
    ] as const)
      expect(await code(bob, event, { room, id: fresh(), seq, ...more })).toBe('muted');
    const members = await owner.ask('room:members', { room });
    expect(members).toMatchObject({ members: [{}, {}] });
    expect(JSON.stringify(members)).toContain(`"mutedUntil":${mutedUntil}`);
    await pause(mutedUntil - Date.now() + 50);
    await bob.post(room, 'again');
  });

  test('when a ban ends is said with the ban alone; without one it is refused, and nothing changes', async () => {
    const [room, [owner, bob]] = await owned('public', 2);
    if (owner === undefined || bob === undefined) throw new Error('nobody');
    const change = { room, user: bob.user, bannedUntil: Date.now() + 60_000 };
    for (const more of [{}, { banned: false }, { role: 'admin' }, { mutedUntil: 0 }])
      expect(await owner.request('member:set', { ...change, ...more })).toMatchObject({
        ok: false,
        error: { code: 'bad_request', message: expect.stringContaining('bannedUntil') },
      });
    const { seq } = await bob.post(room, 'still here');
    expect(seq).toBe(2);
    await owner.ask('member:set', { ...change, banned: true });
    await gone(bob, room, 'banned');
  });

  test('edits, deletes, reactions and replies: what everybody gets, and what history says', async () => {
    const [room, [owner, bob]] = await owned('public', 2);
    if (owner === undefined || bob === undefined) throw new Error('nobody');
    const { seq, epoch } = await bob.post(room, 'helo');
    const secret = await bob.post(room, 'my password');
    await bob.ask('message:edit', { room, id: fresh(), seq, text: 'hello', epoch });
    await owner.ask('message:react', { room, id: fresh(), seq, emoji: '👋', on: true });
    await owner.ask('message:post', { room, id: fresh(), text: 'hi', replyTo: seq });
    const deleted = await owner.ask<At>('message:delete', { room, id: fresh(), seq: secret.seq });
    await bob.reach(room, deleted.seq);
    await owner.reach(room, deleted.seq);
    expect(bob.messages(room).slice(-4)).toEqual(owner.messages(room).slice(-4));
    expect(bob.messages(room).slice(-4)).toMatchObject([
      { kind: 'edit', ref: seq, text: 'hello', from: bob.user },
      { kind: 'reaction', ref: seq, emoji: '👋', on: true },
      { kind: 'text', replyTo: seq },
      { kind: 'delete', ref: secret.seq, from: owner.user },
    ]);
    const { messages } = await bob.ask<{ messages: Message[] }>('history', { room, after: seq - 1 });
    expect(messages[0]).toMatchObject({ seq, text: 'hello' });
    expect(messages[0]?.edited).toBeGreaterThan(0);
    expect(messages[1]).toMatchObject({ seq: secret.seq, kind: 'text', from: bob.user });
    expect(messages[1]?.text).toBeUndefined();
    // Who catches up gets what is left of it, and all that came after.
    const late = await connect(fresh('late'));
    await late.join(room, { epoch: '', seq: 0 });
    await late.reach(room, deleted.seq);
    expect(JSON.stringify(late.messages(room))).not.toContain('password');
    expect(await code(owner, 'message:edit', { room, id: fresh(), seq, text: 'x' })).toBe('forbidden');
    expect(
      await code(bob, 'message:react', { room, id: fresh(), seq: secret.seq, emoji: 'x', on: true }),
    ).toBe('not_found');
    expect(await code(bob, 'message:edit', { room, id: fresh(), seq, text: 'x', epoch: 'never' })).toBe(
      'conflict',
    );
  });

  test('a direct room is there for both, connected before or not, and can be refused', async () => {
    const phone = fresh('phone');
    const ada = await connect(fresh('ada'));
    const bob = await connect(fresh('bob'));
    const away = await connect(fresh('cem'), { device: phone });
    away.close();
    const state = await ada.ask<RoomState>('dm:open', { user: bob.user });
    const [low, high] = [ada.user, bob.user].toSorted();
    expect(state).toMatchObject({ room: `dm:${low}:${high}`, kind: 'direct', role: 'member', members: 2 });
    await bob.event('room', (event: RoomState) => event.room === state.room);
    await ada.post(state.room, 'hello');
    await bob.reach(state.room, 1);
    expect(await code(bob, 'room:leave', { room: state.room })).toBe('forbidden');
    expect(await code(bob, 'member:remove', { room: state.room, user: ada.user })).toBe('forbidden');
    await bob.ask('user:block', { user: ada.user, on: true });
    expect(await code(ada, 'dm:open', { user: bob.user })).toBe('forbidden');
    expect(await code(ada, 'message:post', { room: state.room, id: 'x', text: 'still?' })).toBe('forbidden');
    await bob.ask('user:block', { user: ada.user, on: false });
    await ada.post(state.room, 'again');
    expect(await code(ada, 'dm:open', { user: ada.user })).toBe('bad_request');
    const { room } = await ada.ask<RoomState>('dm:open', { user: away.user });
    await ada.post(room, 'for later');
    const back = await connect(away.user, { device: phone });
    await back.reach(room, 1);
    expect(back.texts(room)).toEqual(['for later']);
  });
}
