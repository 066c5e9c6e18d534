import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { busRoom } from '../../src/adapter/socket-bus.ts';
import { roomId, userId } from '../../src/chat/identity.ts';
import { openEar, type Ear } from '../support/adapter-pair.ts';
import { fresh, until } from '../support/client.ts';
import { startRedis, type RedisServer } from '../support/redis.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis({ appendfsync: 'no' });
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
});

const ROOM = roomId('/', 'lobby');

/** Publishes until it is heard: subscriptions take effect soon, not at once. */
async function publishUntilHeard(from: Ear, to: Ear, text = fresh('body')): Promise<void> {
  const end = Date.now() + 10_000;
  while (!to.batches.some(({ body }) => body === text)) {
    if (Date.now() > end) throw new Error('never heard');
    from.adapter.publish(ROOM, text);
    await pause(20);
  }
}

test('a batch reaches the workers that subscribed to its room, and G13: no other', async () => {
  const prefix = fresh('p');
  await using a = await openEar(redis.url, prefix);
  await using b = await openEar(redis.url, prefix);
  await using c = await openEar(redis.url, prefix);
  b.adapter.subscribe(ROOM);
  await publishUntilHeard(a, b, 'hello');
  expect(c.batches).toEqual([]);
  expect(a.batches).toEqual([]);
  const channels = await redis.ask('PUBSUB', 'SHARDNUMSUB', `${prefix}:bus#/#${busRoom(ROOM)}#`);
  expect(channels).toEqual([`${prefix}:bus#/#${busRoom(ROOM)}#`, 1]);
});

test('a notice reaches every other worker', async () => {
  const prefix = fresh('p');
  await using a = await openEar(redis.url, prefix);
  await using b = await openEar(redis.url, prefix);
  await b.adapter.probe();
  const sent = [
    { kind: 'heads', heads: [[ROOM, 'e', 7]] },
    { kind: 'changes', index: [userId('/', 'ada')], presence: [userId('/', 'bob')], members: [] },
  ] as const;
  for (const notice of sent) a.adapter.notify(notice);
  await until(
    () => b.notices.length === 2,
    5_000,
    () => 'no notice',
  );
  expect(b.notices).toEqual(sent);
  expect(a.notices).toEqual([]);
});

test('trap 4: leaving and joining within one round trip leaves the room subscribed', async () => {
  const prefix = fresh('p');
  await using a = await openEar(redis.url, prefix);
  await using b = await openEar(redis.url, prefix);
  b.adapter.subscribe(ROOM);
  await publishUntilHeard(a, b);
  for (let i = 0; i < 20; i += 1) {
    b.adapter.unsubscribe(ROOM);
    b.adapter.subscribe(ROOM);
    if (i % 3 === 0) await pause(1);
  }
  await publishUntilHeard(a, b);
  expect(b.faults).toEqual([]);
});

test('traps 3 and 5: Redis goes away under traffic; nothing throws, and everything is heard again', async () => {
  await using own = await startRedis({ appendfsync: 'no' });
  const prefix = fresh('p');
  await using a = await openEar(own.url, prefix);
  await using b = await openEar(own.url, prefix);
  b.adapter.subscribe(ROOM);
  await publishUntilHeard(a, b);
  const traffic = setInterval(() => a.adapter.publish(ROOM, 'traffic'), 2);
  await own.kill();
  // Subscribed while nobody is there: it must hold when somebody is again.
  b.adapter.unsubscribe(ROOM);
  b.adapter.subscribe(ROOM);
  await expect(a.adapter.probe()).rejects.toThrow();
  await own.restart();
  // Each comes back by itself, and a probe needs the one that sends it.
  await until(
    () => a.resets > 0 && b.resets > 0,
    10_000,
    () => `${a.resets} and ${b.resets} resets`,
  );
  await publishUntilHeard(a, b);
  clearInterval(traffic);
  expect([...a.faults, ...b.faults]).toEqual([]);
  await a.adapter.probe();
});

test('trap 3.2: a room whose name has 20 characters is carried on its own channel', () => {
  for (let length = 1; length < 64; length += 1) expect(busRoom('x'.repeat(length))).not.toHaveLength(20);
});
