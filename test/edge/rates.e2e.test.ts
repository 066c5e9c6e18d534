/** Limits over time that a client can run into: refused by name, with when to try again. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChatClient, fresh, type RefusedError, refusalOf } from '../support/client.ts';
import { openServer, type ServerHandle } from '../support/server-handle.ts';
import { startServer } from '../support/server.ts';

const RATES = {
  'rate-connects': '3/1m',
  'rate-joins': '4/1m',
  'rate-requests': '30/1m',
  'rate-bytes': '3000/1m',
};
/** Refused over this limit, and told when its window of a minute ends. */
function expectOver(refusal: RefusedError['body'] | 'ok' | undefined, flag: string): void {
  expect(refusal).toMatchObject({
    code: 'rate_limited',
    retry: true,
    message: expect.stringContaining(`(--${flag})`),
  });
  const waitMs = (refusal as RefusedError['body']).retryAfterMs ?? 0;
  expect(waitMs).toBeGreaterThan(0);
  expect(waitMs).toBeLessThanOrEqual(60_000);
}

describe.each(['cluster', 'redis'] as const)('--adapter %s', (adapter) => {
  let server: ServerHandle;

  beforeAll(async () => {
    server = await openServer({
      adapter,
      appendfsync: 'no',
      workers: 1,
      args: Object.entries(RATES).flatMap(([name, value]) => [`--${name}`, value]),
    });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  const connect = (user = fresh('u')) => ChatClient.connect(server.url, { user });

  test('over --rate-connects a user is not let in; others are', async () => {
    const ada = fresh('ada');
    for (let i = 0; i < 3; i += 1) (await connect(ada)).close();
    expectOver(await refusalOf(connect(ada)), 'rate-connects');
    using bob = await connect();
    expect(bob.socket.connected).toBe(true);
  });

  test('--rate-joins counts rooms joined and created and members set together, and refuses each', async () => {
    using ada = await connect(fresh('ada'));
    const [mine, bob] = [fresh('room'), fresh('bob')];
    await ada.ask('room:create', { room: mine, kind: 'private' });
    await ada.join(fresh('room'));
    await ada.ask('member:set', { room: mine, user: bob });
    await ada.join(fresh('room'));
    for (const [request, object] of [
      ['room:join', { room: fresh('room') }],
      ['room:create', { kind: 'public' }],
      ['member:set', { room: mine, user: bob, role: 'admin' }],
    ] as const)
      expectOver(await refusalOf(ada.ask(request, object)), 'rate-joins');
    const { rooms } = await ada.ask<{ rooms: object[] }>('room:mine', {});
    expect(rooms).toHaveLength(3);
    expect(await ada.ask('room:members', { room: mine })).toMatchObject({
      members: [{}, { role: 'member' }],
    });
  });

  test('over --rate-requests any request is refused, as soon as the store has said so', async () => {
    using ada = await connect();
    let answered = 0;
    let refusal: RefusedError['body'] | 'ok' = 'ok';
    for (const end = performance.now() + 5_000; refusal === 'ok' && performance.now() < end; answered += 1)
      refusal = await refusalOf(ada.ask('room:mine', {}));
    expect(answered).toBeGreaterThan(30);
    expectOver(refusal, 'rate-requests');
    expectOver(await refusalOf(ada.join(fresh('room'))), 'rate-requests');
    using bob = await connect();
    await bob.ask('room:mine', {});
  });

  test('over --rate-bytes a large request is refused', async () => {
    using ada = await connect();
    const room = fresh('room');
    await ada.join(room);
    const outcomes: (RefusedError['body'] | 'ok')[] = [];
    while (outcomes.length < 10)
      outcomes.push(await refusalOf(ada.post(room, 'x'.repeat(900), `id-${outcomes.length}`)));
    expect(outcomes.slice(0, 3)).toEqual(['ok', 'ok', 'ok']);
    for (const outcome of outcomes.slice(5)) expectOver(outcome, 'rate-bytes');
  });
});

test('over --rate-address-connects an address is let in no more, whoever it is and whatever it says of itself', async () => {
  await using behind = await startServer({
    workers: 1,
    args: ['--trust-proxy', '1', '--rate-address-connects', '4/1m'],
  });
  const [here, there] = ['203.0.113.1', '203.0.113.2'];
  const from = (forwardedFor: string, transport: 'polling' | 'websocket' = 'websocket') =>
    ChatClient.connect(behind.url, { user: fresh('u'), forwardedFor, transports: [transport] });
  for (const transport of ['polling', 'websocket', 'polling', 'websocket'] as const)
    (await from(here, transport)).close();
  expectOver(await refusalOf(from(here)), 'rate-address-connects');
  expectOver(await refusalOf(from(here, 'polling')), 'rate-address-connects');
  expectOver(await refusalOf(from(`${there}, ${here}`)), 'rate-address-connects');
  using other = await from(`${here}, ${there}`);
  expect(other.socket.connected).toBe(true);
});

test('--rate-room-posts holds over all who post in a room, and for each room', async () => {
  await using small = await startServer({ workers: 2, args: ['--rate-room-posts', '5/1m'] });
  using ada = await ChatClient.connect(small.url, { user: fresh('ada') });
  using bob = await ChatClient.connect(small.url, { user: fresh('bob') });
  const [room, other] = [fresh('room'), fresh('room')];
  for (const client of [ada, bob]) await client.join(room);
  await ada.join(other);
  for (let i = 0; i < 5; i += 1) await (i % 2 === 0 ? ada : bob).post(room, `${i}`);
  for (const client of [ada, bob])
    expectOver(await refusalOf(client.post(room, 'one more')), 'rate-room-posts');
  await ada.post(other, 'elsewhere');
});

test.each(['cluster', 'redis'] as const)(
  '--adapter %s: who may not post in a room uses nothing of its --rate-room-posts up',
  async (adapter) => {
    await using small = await openServer({
      adapter,
      appendfsync: 'no',
      workers: 1,
      args: ['--rate-room-posts', '4/1m'],
    });
    using ada = await ChatClient.connect(small.url, { user: fresh('ada') });
    using bob = await ChatClient.connect(small.url, { user: fresh('bob') });
    using eve = await ChatClient.connect(small.url, { user: fresh('eve') });
    const room = fresh('room');
    await ada.ask('room:create', { room, kind: 'private' });
    await ada.ask('member:set', { room, user: bob.user, mutedUntil: Date.now() + 60_000 });
    await bob.event('room', (event: { room: string }) => event.room === room);
    for (let i = 0; i < 6; i += 1) {
      expect(await refusalOf(eve.post(room, 'x'))).toMatchObject({ code: 'not_found' });
      expect(await refusalOf(bob.post(room, 'x'))).toMatchObject({ code: 'muted' });
      expect(await refusalOf(bob.ask('member:remove', { room, user: ada.user }))).toMatchObject({
        code: 'forbidden',
      });
    }
    for (let i = 0; i < 4; i += 1) await ada.post(room, `${i}`);
    expectOver(await refusalOf(ada.post(room, 'one more')), 'rate-room-posts');
    // Nor is a stranger told that the room is there.
    expect(await refusalOf(eve.post(room, 'x'))).toMatchObject({ code: 'not_found' });
  },
  60_000,
);

test('bytes are bytes, whatever the characters', async () => {
  await using small = await startServer({ workers: 1, args: ['--rate-bytes', '3000/1m'] });
  using ada = await ChatClient.connect(small.url, { user: fresh('ada') });
  const room = fresh('room');
  await ada.join(room);
  expectOver(await refusalOf(ada.post(room, '\u20ac'.repeat(1_001))), 'rate-bytes');
  await ada.post(room, 'x'.repeat(1_001));
});

test('--rate-posts counts what an owner changes too, since each change is an entry of the log', async () => {
  await using small = await startServer({ workers: 1, args: ['--rate-posts', '3/1m'] });
  using ada = await ChatClient.connect(small.url, { user: fresh('ada') });
  const room = fresh('room');
  await ada.ask('room:create', { room, kind: 'public' });
  for (const title of ['a', 'b', 'c']) await ada.ask('room:set', { room, title });
  expectOver(await refusalOf(ada.ask('room:set', { room, title: 'd' })), 'rate-posts');
  expectOver(await refusalOf(ada.ask('member:remove', { room, user: fresh('bob') })), 'rate-posts');
});
