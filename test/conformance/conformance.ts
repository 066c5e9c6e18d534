/**
 * What every server must do, whatever joins its workers: one behaviour (G9). Run on `cluster`,
 * on `redis`, and on two hosts with one Redis. Tests carry the number of their guarantee.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChatClient, fresh, until, type ClientOptions } from '../support/client.ts';
import { api } from './api.ts';
import { leaving } from './leaving.ts';
import { presence } from './presence.ts';
import { rights } from './rights.ts';
import { welcome } from './welcome.ts';

/** A server to test: one address, or several hosts that share one store. */
export interface Subject {
  readonly urls: readonly string[];
  /** Kills one worker without a word; resolves when it is dead. */
  killWorker(): Promise<void>;
  /** Takes the store away; gives how to bring it back. */
  breakStore(): () => void;
  close(): Promise<void>;
}

/** `namespace`: where rights and presence are tested; the same holds in each (`/acme` is open). */
export function conformance(name: string, open: () => Promise<Subject>, namespace = '/'): void {
  describe(`conformance: ${name}`, () => {
    let subject: Subject;
    let turn = 0;
    const clients: ChatClient[] = [];

    beforeAll(async () => {
      subject = await open();
    });
    afterAll(async () => {
      for (const client of clients) client.close();
      await subject.close();
    });

    /** Connects at the next host in turn. */
    async function connect(user: string, options: Omit<ClientOptions, 'user'> = {}): Promise<ChatClient> {
      turn += 1;
      const url = subject.urls[turn % subject.urls.length];
      if (url === undefined) throw new Error('a subject without an address');
      const client = await ChatClient.connect(url, { user, ...options });
      clients.push(client);
      return client;
    }

    /** Several members of a new room, each at another place. */
    async function members(
      count: number,
      options: Omit<ClientOptions, 'user'> = {},
    ): Promise<[string, ChatClient[]]> {
      const room = fresh('room');
      const all = await Promise.all(
        Array.from({ length: count }, (_, i) => connect(fresh(`u${i}`), options)),
      );
      for (const client of all) await client.join(room);
      return [room, all];
    }

    function expectNoFaults(all: readonly ChatClient[]): void {
      for (const client of all) expect(client.follower.faults).toEqual([]);
    }

    /** Every host says so of its readiness, within the time that DESIGN.md gives it. */
    async function becomes(status: number): Promise<void> {
      const end = performance.now() + 5_000;
      for (const url of subject.urls) {
        while ((await fetch(`${url}/readyz`)).status !== status) {
          if (performance.now() > end) throw new Error(`/readyz is not ${status} within 5 s`);
          await pause(50);
        }
      }
    }

    test('G1: every member gets the same dense sequence, whoever posts where', async () => {
      const [room, all] = await members(6);
      await Promise.all(
        all.flatMap((client, i) => Array.from({ length: 20 }, (_, k) => client.post(room, `${i}:${k}`))),
      );
      await Promise.all(all.map((client) => client.reach(room, 120)));
      const [first, ...others] = all.map((client) =>
        client.messages(room).map((message) => `${message.seq} ${message.id}`),
      );
      expect(first).toHaveLength(120);
      for (const other of others) expect(other).toEqual(first);
      expectNoFaults(all);
    });

    test('G1: one socket’s posts to a room are stored in the order sent', async () => {
      const [room, [ada, bob]] = await members(2);
      const texts = Array.from({ length: 100 }, (_, i) => String(i));
      for (const posting of texts.map((text) => ada?.post(room, text))) await posting;
      await bob?.reach(room, 100);
      expect(bob?.texts(room)).toEqual(texts);
    });

    test('G2: what was posted while a device was away arrives when it comes back', async () => {
      const room = fresh('room');
      const user = fresh('bob');
      const ada = await connect(fresh('ada'));
      const bob = await connect(user, { device: 'phone' });
      await ada.join(room);
      await bob.join(room);
      bob.close();
      for (let i = 0; i < 10; i += 1) await ada.post(room, `away ${i}`);
      const again = await connect(user, { device: 'phone' });
      await again.reach(room, 10);
      expect(again.texts(room)).toEqual(Array.from({ length: 10 }, (_, i) => `away ${i}`));
      expectNoFaults([again]);
    });

    test('G3: the same id is stored once, from any connection, and gives the first seq', async () => {
      const room = fresh('room');
      const user = fresh('ada');
      const one = await connect(user);
      const two = await connect(user);
      await one.join(room);
      const first = await one.post(room, 'hello', 'the-id');
      const again = await two.post(room, 'hello again', 'the-id');
      expect(first).toMatchObject({ seq: 1, duplicate: false });
      expect(again).toMatchObject({ seq: 1, epoch: first.epoch, duplicate: true });
      await two.reach(room, 1);
      expect(two.texts(room)).toEqual(['hello']);
    });

    test('G3: a client that comes back with positions gets nothing twice', async () => {
      const [room, [ada]] = await members(1);
      const user = fresh('bob');
      const bob = await connect(user, { device: 'phone' });
      await bob.join(room);
      for (let i = 0; i < 5; i += 1) await ada?.post(room, `${i}`);
      await bob.reach(room, 5);
      const positions = bob.follower.positions();
      bob.close();
      await ada?.post(room, 'later');
      const again = await connect(user, { device: 'phone', positions });
      await again.reach(room, 6);
      expect(again.texts(room)).toEqual(['later']);
    });

    test('G4: the acknowledgement comes after the store has it and names what it stands for', async () => {
      const [room, [ada]] = await members(1);
      const reply = await ada?.post(room, 'hello');
      expect(reply).toMatchObject({ room, seq: 1, duplicate: false });
      expect(['disk', 'replicated', 'memory']).toContain(reply?.durability);
      const page = await ada?.ask<{ messages: { seq: number; at: number }[] }>('history', { room });
      expect(page?.messages).toMatchObject([{ seq: 1, at: reply?.at }]);
    });

    test('G6: after kill -9 of its worker a client goes on at another from its position', async () => {
      const room = fresh('room');
      const ada = await connect(fresh('ada'), { reconnects: true });
      const bob = await connect(fresh('bob'), { reconnects: true });
      await ada.join(room);
      await bob.join(room);
      for (let i = 0; i < 30; i += 1) {
        await ada.postSurely(room, `${i}`);
        if (i === 10 || i === 20) await subject.killWorker();
      }
      await until(
        () => bob.texts(room).length >= 30,
        15_000,
        () => `bob has ${bob.texts(room).length} of 30`,
      );
      expect(bob.texts(room)).toEqual(Array.from({ length: 30 }, (_, i) => `${i}`));
      expectNoFaults([ada, bob]);
    });

    test('G7: three devices online at different times each get everything, rooms joined meanwhile included', async () => {
      const user = fresh('bob');
      const ada = await connect(fresh('ada'));
      const early = fresh('early');
      const late = fresh('late');
      await ada.join(early);
      await ada.join(late);
      for (const device of ['phone', 'tablet', 'laptop']) {
        const client = await connect(user, { device });
        if (device === 'phone') await client.join(early);
        client.close();
      }
      for (let i = 0; i < 3; i += 1) await ada.post(early, `early ${i}`);
      const phone = await connect(user, { device: 'phone' });
      await phone.join(late);
      phone.close();
      for (let i = 0; i < 3; i += 1) await ada.post(late, `late ${i}`);
      for (const device of ['phone', 'tablet', 'laptop']) {
        const client = await connect(user, { device });
        await client.reach(early, 3);
        await client.reach(late, 3);
        expect(client.texts(early)).toEqual(['early 0', 'early 1', 'early 2']);
        expect(client.texts(late)).toEqual(['late 0', 'late 1', 'late 2']);
        client.close();
      }
    });

    test('G7: `delivered` moves the cursor forwards only, and at most to what was given', async () => {
      const [room, [ada]] = await members(1);
      const user = fresh('bob');
      const bob = await connect(user, { device: 'phone' });
      await bob.join(room);
      const posted = [];
      for (let i = 0; i < 6; i += 1) posted.push(await ada?.post(room, `${i}`));
      await bob.reach(room, 6);
      const epoch = posted[0]?.epoch ?? '';
      await bob.ask('delivered', { positions: { [room]: { epoch, seq: 4 } } });
      await bob.ask('delivered', { positions: { [room]: { epoch, seq: 2 } } });
      bob.close();
      const again = await connect(user, { device: 'phone' });
      expect(again.welcome.rooms[0]).toMatchObject({
        room,
        delivered: { epoch, seq: 4 },
        from: { epoch, seq: 4 },
      });
      await again.reach(room, 6);
      expect(again.texts(room)).toEqual(['4', '5']);
      await again.ask('delivered', { positions: { [room]: { epoch, seq: 900 } } });
      again.close();
      const last = await connect(user, { device: 'phone' });
      expect(last.welcome.rooms[0]).toMatchObject({ delivered: { epoch, seq: 6 } });
    });

    test('G9: welcome, join and history show what PROTOCOL.md says', async () => {
      const room = fresh('room');
      const user = fresh('ada');
      const ada = await connect(user, { device: 'phone' });
      expect(ada.welcome).toMatchObject({
        user,
        name: user,
        device: 'phone',
        rooms: [],
        limits: { maxBatch: 500, maxPage: 200 },
      });
      const state = await ada.join(room);
      expect(state).toMatchObject({
        room,
        kind: 'public',
        title: '',
        role: 'member',
        head: 0,
        first: 1,
        read: 0,
        unread: 0,
        members: 1,
      });
      expect(state.from).toEqual({ epoch: state.epoch, seq: 0 });
      await ada.ask('message:post', { room, id: 'a', text: 'hi', data: { x: [1, 'é'] } });
      await ada.reach(room, 1);
      expect(ada.messages(room)[0]).toMatchObject({
        room,
        seq: 1,
        id: 'a',
        from: user,
        kind: 'text',
        text: 'hi',
        data: { x: [1, 'é'] },
      });
      const page = await ada.ask('history', { room });
      expect(page).toMatchObject({
        epoch: state.epoch,
        first: 1,
        more: false,
        messages: [{ seq: 1, text: 'hi' }],
      });
    });

    const connectThere: typeof connect = (user, options) => connect(user, { namespace, ...options });
    leaving(connectThere);
    rights(connectThere);
    presence(connectThere);
    api(connect, () => subject.urls);
    welcome(connect, () => subject.urls);

    test('G9: unread counts what others wrote after `read`', async () => {
      const [room, [ada, bob]] = await members(2);
      for (let i = 0; i < 4; i += 1) await ada?.post(room, `${i}`);
      await bob?.post(room, 'mine');
      await bob?.reach(room, 5);
      await bob?.ask('read', { room, seq: 2 });
      const mine = await bob?.ask<{ rooms: object[] }>('room:mine', {});
      expect(mine?.rooms).toMatchObject([{ room, read: 2, unread: 2, head: 5, members: 2 }]);
    });

    test('G10: what does not fit is refused by name', async () => {
      const [room, [ada]] = await members(1);
      const code = async (event: string, object: unknown) => {
        const reply = await ada?.request(event, object);
        return reply?.ok === false ? reply.error.code : 'ok';
      };
      expect(await code('message:post', { room, id: 'a', text: 'x'.repeat(16_385) })).toBe('too_large');
      expect(await code('message:post', { room, id: 'a', text: 'x', data: 'y'.repeat(8_192) })).toBe(
        'too_large',
      );
      expect(await code('message:post', { room, id: '', text: 'x' })).toBe('bad_request');
      expect(await code('message:post', { room: 'a b', id: 'a', text: 'x' })).toBe('bad_request');
      expect(await code('message:post', 'nonsense')).toBe('bad_request');
      expect(await code('history', { room, limit: 201 })).toBe('bad_request');
      expect(await code('no:such', {})).toBe('bad_request');
      expect(await code('room:join', { room: fresh(), after: { seq: 3 } })).toBe('bad_request');
      expect(await code('message:post', { room: fresh('unknown'), id: 'a', text: 'x' })).toBe('not_found');
      expect(await code('room:create', { room, kind: 'public' })).toBe('conflict');
      const deep = JSON.parse('['.repeat(200) + ']'.repeat(200)) as unknown;
      expect(await code('message:post', { room, id: 'a', text: 'x', data: deep })).toBe('bad_request');
    });

    test('G11: without the store posts are refused by name, connections stay, and all comes back by itself', async () => {
      const [room, all] = await members(2);
      const [ada, bob] = all;
      await ada?.post(room, 'before');
      const mend = subject.breakStore();
      try {
        expect(await ada?.request('message:post', { room, id: 'during', text: 'during' })).toMatchObject({
          ok: false,
          error: { code: 'unavailable', retry: true },
        });
        await becomes(503);
      } finally {
        mend();
      }
      const stored = await ada?.postSurely(room, 'during', 'during');
      await bob?.reach(room, stored?.seq ?? 0);
      expect(bob?.texts(room)).toEqual(['before', 'during']);
      expect(all.map(({ welcomes }) => welcomes)).toEqual([1, 1]);
      expectNoFaults(all);
      await becomes(200);
    });

    test('G11: a worker that starts without the store begins no other chat in its place', async () => {
      const [room, all] = await members(2, { reconnects: true });
      const [ada, bob] = all;
      await ada?.postSurely(room, 'before');
      const mend = subject.breakStore();
      try {
        await subject.killWorker();
        // Its successor tries to start, once or twice.
        await pause(2_000);
      } finally {
        mend();
      }
      const stored = await ada?.postSurely(room, 'after');
      await bob?.reach(room, stored?.seq ?? 0);
      expect(bob?.texts(room)).toEqual(['before', 'after']);
      expectNoFaults(all);
      await becomes(200);
    });

    test('G13 and namespaces: the same names in another namespace mean something else', async () => {
      const room = fresh('room');
      const user = fresh('ada');
      const here = await connect(user);
      const there = await connect(user, { namespace: '/acme' });
      await here.join(room);
      await there.join(room);
      await here.post(room, 'here', 'same-id');
      const reply = await there.post(room, 'there', 'same-id');
      expect(reply).toMatchObject({ seq: 1, duplicate: false });
      await here.reach(room, 1);
      await there.reach(room, 1);
      expect(here.texts(room)).toEqual(['here']);
      expect(there.texts(room)).toEqual(['there']);
      await expect(connect(user, { namespace: '/closed' })).rejects.toMatchObject({
        body: { code: 'not_found', retry: false },
      });
    });

    test('long polling and WebSocket see the same', async () => {
      const room = fresh('room');
      const ada = await connect(fresh('ada'), { transports: ['polling'] });
      const bob = await connect(fresh('bob'), { transports: ['polling', 'websocket'] });
      await ada.join(room);
      await bob.join(room);
      for (let i = 0; i < 10; i += 1) await (i % 2 === 0 ? ada : bob).post(room, `${i}`);
      await ada.reach(room, 10);
      await bob.reach(room, 10);
      expect(ada.texts(room)).toEqual(bob.texts(room));
      expectNoFaults([ada, bob]);
    });
  });
}
