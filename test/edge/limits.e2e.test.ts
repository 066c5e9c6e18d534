/** Every limit that a client can run into: refused by name, and nothing else suffers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { ChatClient, fresh, until, refusalOf } from '../support/client.ts';
import { startServer, type RunningServer } from '../support/server.ts';

const LIMITS = {
  'rate-posts': '20/3s',
  'max-sockets-per-user': '2',
  'max-outstanding': '5',
  'max-rooms-per-user': '3',
  'max-page': '4',
  'max-batch': '6',
};
let server: RunningServer;

beforeAll(async () => {
  server = await startServer({
    workers: 1,
    args: Object.entries(LIMITS).flatMap(([name, value]) => [`--${name}`, value]),
  });
});
afterAll(() => server[Symbol.asyncDispose]());

const connect = (user = fresh('u'), device?: string) =>
  ChatClient.connect(server.url, { user, ...(device === undefined ? {} : { device }) });

test('over --rate-posts a post is `rate_limited`, and goes through after `retryAfterMs`', async () => {
  using ada = await connect();
  const room = fresh('room');
  await ada.join(room);
  for (let i = 0; i < 20; i += 5)
    await Promise.all([0, 1, 2, 3, 4].map((k) => ada.post(room, 'x', `${i + k}`)));
  const refusal = await refusalOf(ada.post(room, 'one more', 'more'));
  expect(refusal).toMatchObject({ code: 'rate_limited', retry: true });
  const waitMs = typeof refusal === 'string' ? 0 : (refusal.retryAfterMs ?? 0);
  expect(waitMs).toBeGreaterThan(0);
  expect(waitMs).toBeLessThanOrEqual(3_000);
  await pause(waitMs + 20);
  expect(await ada.post(room, 'one more', 'more')).toMatchObject({ seq: 21, duplicate: false });
});

test('over --max-sockets-per-user the oldest connection is told `replaced` and ends; one of the same device does not', async () => {
  const user = fresh('u');
  using first = await connect(user, 'phone');
  using second = await connect(user, 'laptop');
  using third = await connect(user, 'laptop');
  expect(await first.event('closing')).toMatchObject({ reason: 'replaced' });
  await until(
    () => !first.socket.connected,
    3_000,
    () => 'it is still there',
  );
  using fourth = await connect(user, 'laptop');
  await pause(200);
  for (const client of [second, third, fourth]) expect(client.socket.connected).toBe(true);
});

test.each([
  { transport: 'websocket', count: 12 },
  // One body brings them all.
  { transport: 'polling', count: 40 },
] as const)(
  'over --max-outstanding a request is `busy`, those before it are answered: $count by $transport',
  async ({ transport, count }) => {
    using ada = await ChatClient.connect(server.url, { user: fresh('u'), transports: [transport] });
    const room = fresh('room');
    await ada.join(room);
    const replies = await Promise.all(
      Array.from({ length: count }, (_, i) => ada.request('message:post', { room, id: `${i}`, text: 'x' })),
    );
    const codes = replies.map((reply) => (reply.ok ? 'ok' : reply.error.code));
    expect(codes.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 'ok'));
    expect(new Set(codes)).toEqual(new Set(['ok', 'busy']));
    await ada.reach(room, codes.filter((code) => code === 'ok').length);
  },
);

test('over --max-rooms-per-user a join is `too_large`; a room left makes place', async () => {
  using ada = await connect();
  const rooms = Array.from({ length: 4 }, () => fresh('room'));
  for (const room of rooms.slice(0, 3)) await ada.join(room);
  expect(await refusalOf(ada.join(rooms[3] ?? ''))).toMatchObject({ code: 'too_large' });
  await ada.leave(rooms[0] ?? '');
  await ada.join(rooms[3] ?? '');
});

test('lists come in pages of --max-page, each room and each member once', async () => {
  const room = fresh('a-room');
  const names = Array.from({ length: 10 }, () => fresh('u'));
  const clients = await Promise.all(names.map((name) => connect(name)));
  try {
    for (const client of clients) await client.join(room);
    const [ada] = clients;
    if (ada === undefined) throw new Error('nobody');
    expect(await refusalOf(ada.ask('room:members', { room, limit: 5 }))).toMatchObject({
      code: 'bad_request',
    });
    const members = await pagesOf<{ user: string }>(ada, 'room:members', { room }, 'members');
    expect(members.map(({ user }) => user).toSorted()).toEqual(names.toSorted());
    const rooms = await pagesOf<{ room: string }>(ada, 'room:list', {}, 'rooms');
    expect(rooms.filter((one) => one.room === room)).toHaveLength(1);
    expect(new Set(rooms.map((one) => one.room)).size).toBe(rooms.length);
    const mine = await pagesOf<{ room: string }>(ada, 'room:mine', {}, 'rooms');
    expect(mine.map((one) => one.room)).toEqual([room]);
  } finally {
    for (const client of clients) client.close();
  }
});

test('a `messages` event has at most --max-batch of them, for who comes late too', async () => {
  const room = fresh('room');
  using ada = await connect();
  await ada.join(room);
  for (let i = 0; i < 15; i += 1) await ada.post(room, `${i}`);
  using bob = await connect();
  const sizes: number[] = [];
  bob.socket.on('messages', ({ messages }: { messages: unknown[] }) => sizes.push(messages.length));
  await bob.join(room, { epoch: '', seq: 0 });
  await bob.reach(room, 15);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(6);
});

test('over --max-connections nobody comes in until somebody goes', async () => {
  await using small = await startServer({ workers: 1, args: ['--max-connections', '2'] });
  const connectTo = () => ChatClient.connect(small.url, { user: fresh('u') });
  using first = await connectTo();
  const second = await connectTo();
  await expect(connectTo()).rejects.toThrow();
  expect(first.socket.connected).toBe(true);
  second.close();
  await expect
    .poll(
      async () => {
        try {
          (await connectTo()).close();
          return 'in';
        } catch {
          return 'refused';
        }
      },
      { timeout: 5_000 },
    )
    .toBe('in');
});

/** All pages of a list, at most four entries each. */
async function pagesOf<T>(
  client: ChatClient,
  request: string,
  object: object,
  field: 'members' | 'rooms',
): Promise<T[]> {
  const all: T[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await client.ask<{ readonly cursor?: string } & Record<string, unknown>>(request, {
      ...object,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const entries = page[field] as T[];
    expect(entries.length).toBeLessThanOrEqual(4);
    all.push(...entries);
    cursor = page.cursor;
    if (cursor === undefined) return all;
  }
}

test('over --rate-joins direct rooms are not opened either', async () => {
  await using other = await startServer({ workers: 1, args: ['--rate-joins', '2/1m'] });
  using ada = await ChatClient.connect(other.url, { user: 'ada' });
  for (const user of ['bob', 'cem']) await ada.ask('dm:open', { user });
  expect(await refusalOf(ada.ask('dm:open', { user: 'dan' }))).toMatchObject({ code: 'rate_limited' });
});

test('sockets of one device do not replace each other, and there is an end to them', async () => {
  const user = fresh('ada');
  const sockets = await Promise.all(Array.from({ length: 8 }, () => connect(user, 'phone')));
  expect(await refusalOf(connect(user, 'phone'))).toMatchObject({ code: 'too_large' });
  for (const { socket } of sockets) expect(socket.connected).toBe(true);
  for (const socket of sockets) socket.close();
});

test('who has more rooms than may be, since the limit was lowered, still comes in', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'chat-lowered-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const rooms = ['a', 'b', 'c', 'd', 'e'];
  {
    await using before = await startServer({ workers: 1, dataDir });
    using ada = await ChatClient.connect(before.url, { user: 'ada' });
    for (const room of rooms) await ada.join(room);
  }
  await using after = await startServer({ workers: 1, dataDir, args: ['--max-rooms-per-user', '3'] });
  using ada = await ChatClient.connect(after.url, { user: 'ada' });
  expect(ada.welcome.rooms.map(({ room }) => room).toSorted()).toEqual(rooms);
  await pause(2_000);
  expect(ada.welcomes).toBe(1);
});
