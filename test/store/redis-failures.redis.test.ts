/** What a Redis can do to a store, and what the store makes of it (G11, G12). */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { presentEpoch } from '../../src/chat/position.ts';
import { StoreUnavailable } from '../../src/chat/store-unavailable.ts';
import { Keys } from '../../src/store/redis/keys.ts';
import { RedisStore, type RedisStoreOptions } from '../../src/store/redis/redis-store.ts';
import { accepted, Scene, seqsOf, textsOf, upTo } from '../contract/store-scene.ts';
import { startRedis, until, type RedisServer } from '../support/redis.ts';
import { openOnRedis } from './redis-opened.ts';

const UNAVAILABLE = { name: 'StoreUnavailable' };

async function sceneOn(store: RedisStore): Promise<Scene> {
  return new Scene(await openOnRedis(async () => store, { restart: async () => {}, end: async () => {} }));
}

async function open(redis: RedisServer, options: Partial<RedisStoreOptions> = {}) {
  const store = await RedisStore.open({ url: redis.url, ...options });
  return { store, here: await sceneOn(store), [Symbol.asyncDispose]: () => store.close() };
}

function isUp(store: RedisStore): Promise<boolean> {
  return until(
    () => store.ping().then(() => true),
    (up) => up,
  );
}

describe('RedisStore, when Redis fails', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  test('a Redis that is killed makes everything unavailable; what was acknowledged is there when it is back', async () => {
    await using opened = await open(redis);
    const { store, here } = opened;
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 3);
    await redis.kill();
    await expect(here.post(room, 'ada', 'lost')).rejects.toMatchObject(UNAVAILABLE);
    await expect(store.ping()).rejects.toMatchObject(UNAVAILABLE);
    await expect(here.log(room)).rejects.toMatchObject(UNAVAILABLE);
    await redis.restart();
    await isUp(store);
    expect(store.durability).toBe('disk');
    await here.post(room, 'ada', 'after');
    expect(textsOf((await here.log(room)).entries)).toEqual(['text 1', 'text 2', 'text 3', 'after']);
  });

  test('posts that a kill cut off are stored once when they are sent again', async () => {
    await using opened = await open(redis);
    const { here, store } = opened;
    const room = await here.roomOf('ada');
    const drafts = upTo(400).map((n) => here.draft('ada', `text ${n}`));
    const told = new Map<string, number>();
    let killed: Promise<void> | undefined;
    const waiting = [...drafts];
    const post = async (): Promise<void> => {
      for (let draft = waiting.shift(); draft !== undefined; draft = waiting.shift()) {
        const { results } = await here.append(room, [draft]);
        told.set(draft.id, accepted(results[0]).seq);
        if (told.size === 50) killed = redis.kill();
      }
    };
    const outcomes = await Promise.allSettled(upTo(20).map(post));
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: UNAVAILABLE });
    await killed;
    await redis.restart();
    await isUp(store);
    for (const draft of drafts) {
      const result = accepted((await here.append(room, [draft])).results[0]);
      if (told.has(draft.id)) expect(result).toMatchObject({ seq: told.get(draft.id), duplicate: true });
    }
    const { entries } = await here.log(room);
    expect(seqsOf(entries)).toEqual(upTo(400));
    expect(new Set(textsOf(entries)).size).toBe(400);
  });

  test('a Redis that is frozen is noticed within 3 s, costs little after, and goes on when it thaws', async () => {
    await using opened = await open(redis);
    const { store, here } = opened;
    const room = await here.roomOf('ada');
    redis.freeze();
    try {
      const began = performance.now();
      await expect(here.post(room, 'ada', 'one')).rejects.toMatchObject(UNAVAILABLE);
      expect(performance.now() - began).toBeLessThan(3_000);
      const again = performance.now();
      await expect(store.ping()).rejects.toMatchObject(UNAVAILABLE);
      await expect(here.post(room, 'ada', 'two')).rejects.toMatchObject(UNAVAILABLE);
      expect(performance.now() - again).toBeLessThan(500);
    } finally {
      redis.thaw();
    }
    await isUp(store);
    accepted((await here.post(room, 'ada', 'three'))[0]);
    expect(textsOf((await here.log(room)).entries).at(-1)).toBe('three');
  });

  test('a Redis that stays frozen past every timeout is used again when it thaws', async () => {
    await using opened = await open(redis);
    const { store, here } = opened;
    const room = await here.roomOf('ada');
    redis.freeze();
    try {
      const end = Date.now() + 6_000;
      while (Date.now() < end) {
        await expect(here.post(room, 'ada', 'no')).rejects.toMatchObject(UNAVAILABLE);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    } finally {
      redis.thaw();
    }
    await isUp(store);
    await here.post(room, 'ada', 'yes');
    expect(textsOf((await here.log(room)).entries).at(-1)).toBe('yes');
  });

  test('commands that Redis has not answered are bounded', async () => {
    await using opened = await open(redis, { maxOutstanding: 5 });
    const { here } = opened;
    const room = await here.roomOf('ada');
    redis.freeze();
    try {
      const outcomes = Promise.allSettled(upTo(6).map(() => opened.store.heads([room])));
      const [last] = await Promise.allSettled([opened.store.heads([room])]);
      expect(last).toMatchObject({ reason: { message: expect.stringContaining('owes 5 answers') } });
      redis.thaw();
      const reasons = (await outcomes).map(({ status }) => status);
      expect(reasons).toEqual([...upTo(5).map(() => 'fulfilled'), 'rejected']);
    } finally {
      redis.thaw();
    }
  });

  test('a full Redis refuses posts without harm, still serves reads, and trims', async () => {
    await using opened = await open(redis);
    const { store, here } = opened;
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'ada', 50);
    await redis.ask('CONFIG', 'SET', 'maxmemory', '1');
    try {
      const before = await here.info(room);
      const refused = here.draft('ada', 'no', 'refused');
      await expect(here.append(room, [refused])).rejects.toMatchObject({
        ...UNAVAILABLE,
        message: expect.stringContaining('OOM'),
      });
      await expect(here.join(room, 'eve')).rejects.toMatchObject(UNAVAILABLE);
      await expect(store.leave(room, 'bob')).rejects.toMatchObject(UNAVAILABLE);
      await expect(store.ping()).rejects.toMatchObject(UNAVAILABLE);
      expect(await here.info(room)).toEqual(before);
      expect((await here.log(room)).entries).toHaveLength(50);
      await here.retain({ maxMessages: 10 });
      expect(await here.info(room)).toMatchObject({ head: 50, first: 41 });
    } finally {
      await redis.ask('CONFIG', 'SET', 'maxmemory', '0');
    }
    await isUp(store);
    const { results } = await here.append(room, [here.draft('ada', 'yes', 'refused')]);
    expect(results).toMatchObject([{ seq: 51, duplicate: false }]);
    expect((await here.info(room)).members).toBe(2);
  });

  test('a full Redis that restarted serves reads in the epoch that this began', async () => {
    await using opened = await open(redis);
    const { here } = opened;
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 3);
    const old = await here.epoch(room);
    await redis.restart();
    await redis.ask('CONFIG', 'SET', 'maxmemory', '1');
    try {
      const page = await until(
        () => here.log(room),
        () => true,
      );
      expect(page.entries).toHaveLength(3);
      expect(page.start.epoch).not.toBe(old);
    } finally {
      await redis.ask('CONFIG', 'SET', 'maxmemory', '0');
    }
  });

  test('a Redis that became a replica refuses posts without harm', async () => {
    await using opened = await open(redis);
    const { store, here } = opened;
    const room = await here.roomOf('ada');
    await here.post(room, 'ada', 'one');
    await redis.ask('REPLICAOF', '127.0.0.1', '1');
    try {
      await expect(here.append(room, [here.draft('ada', 'no', 'refused')])).rejects.toMatchObject({
        ...UNAVAILABLE,
        message: expect.stringMatching(/READONLY|MASTERDOWN/),
      });
      await expect(store.ping()).rejects.toMatchObject(UNAVAILABLE);
    } finally {
      await redis.ask('REPLICAOF', 'NO', 'ONE');
    }
    await isUp(store);
    const { results } = await here.append(room, [here.draft('ada', 'yes', 'refused')]);
    expect(results).toMatchObject([{ seq: 2, duplicate: false }]);
  });

  test('scripts that Redis forgot are sent again', async () => {
    await using opened = await open(redis);
    const { here } = opened;
    const room = await here.roomOf('ada');
    await redis.ask('SCRIPT', 'FLUSH');
    const commits = await Promise.all(upTo(3).map((n) => here.post(room, 'ada', `text ${n}`)));
    expect(seqsOf(commits.flat()).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
  });
});

describe('RedisStore, when Redis comes back with less', () => {
  test('an append-only file of yesterday is a new epoch, and no seq means two things', async () => {
    await using redis = await startRedis();
    await using opened = await open(redis);
    const { store, here } = opened;
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 3);
    const old = await here.epoch(room);
    await redis.stop();
    await cp(join(redis.dir, 'appendonlydir'), join(redis.dir, 'kept'), { recursive: true });
    await redis.restart();
    await isUp(store);
    const between = await here.epoch(room);
    await here.postMany(room, 'ada', 4);
    await redis.kill();
    await cp(join(redis.dir, 'kept'), join(redis.dir, 'appendonlydir'), { recursive: true });
    await redis.restart();
    await isUp(store);
    const { start, losses, info } = await here.page(room, { epoch: between, seq: 7 });
    const now = presentEpoch(info.chain);
    expect([old, between]).not.toContain(now);
    expect(info.chain.map(({ epoch }) => epoch)).not.toContain(between);
    expect(start).toEqual({ epoch: now, seq: 3 });
    expect(losses).toMatchObject([{ epoch: between, from: 4, to: 7, reason: 'epoch' }]);
    expect((await here.post(room, 'ada', 'new'))[0]).toMatchObject({ epoch: now, seq: 4 });
  });

  test('a replica that lacks writes and is promoted begins a new epoch', async () => {
    await using master = await startRedis();
    await using replica = await startRedis({ replicaOf: master.port });
    await until(
      () => replica.ask('INFO', 'replication'),
      (info) => String(info).includes('link_status:up'),
    );
    await using before = await open(master);
    const { here } = before;
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 2);
    await until(
      () => replica.ask('GET', new Keys('chat').room(room, 'head')),
      (head) => String(head).endsWith(' 2'),
    );
    const old = await here.epoch(room);
    replica.freeze();
    await here.postMany(room, 'ada', 5);
    await master.kill();
    replica.thaw();
    await replica.ask('REPLICAOF', 'NO', 'ONE');
    await using after = await RedisStore.open({ url: replica.url });
    const page = await after.page(room, { after: { epoch: old, seq: 7 }, limit: 10, maxBytes: 1_000_000 });
    expect(page.info.head).toBeLessThanOrEqual(7);
    expect(presentEpoch(page.info.chain)).not.toBe(old);
    const base = page.info.chain.at(-1)?.base ?? -1;
    expect(base).toBe(page.info.head);
    if (base < 7) expect(page.losses).toMatchObject([{ epoch: old, from: base + 1, to: 7 }]);
    else expect(page.losses).toEqual([]);
  });
});

describe('RedisStore, asked to use a Redis that it must not', () => {
  test('one that evicts is refused by name, at open and when it begins to', async () => {
    await using redis = await startRedis({
      config: { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' },
    });
    await expect(RedisStore.open({ url: redis.url })).rejects.toMatchObject({
      name: 'RedisRefused',
      message: expect.stringMatching(/maxmemory-policy allkeys-lru.*noeviction/),
    });
    await redis.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await using opened = await open(redis);
    await redis.ask('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl');
    await expect(opened.store.ping()).rejects.toMatchObject({
      message: expect.stringContaining('volatile-ttl'),
    });
  });

  test('one that holds another format is refused by name', async () => {
    await using redis = await startRedis();
    await redis.ask('SET', 'chat:format', '99');
    await expect(RedisStore.open({ url: redis.url })).rejects.toMatchObject({
      name: 'RedisRefused',
      message: expect.stringMatching(/format 99 under chat:format.*reads 1/),
    });
    await using other = await RedisStore.open({ url: redis.url, prefix: 'mine' });
    await other.ping();
  });

  test('none at all is said at once, with the address', async () => {
    await using redis = await startRedis();
    const { url, port } = redis;
    await redis.kill();
    await expect(RedisStore.open({ url, connectMs: 500 })).rejects.toMatchObject({
      name: 'RedisConnectError',
      exitCode: 69,
      message: expect.stringContaining(String(port)),
    });
  });

  test.each([
    ['always', 'disk'],
    ['everysec', 'memory'],
    ['none', 'memory'],
  ] as const)('with appendfsync %s an acknowledgement stands for %s', async (appendfsync, durability) => {
    await using redis = await startRedis({ appendfsync });
    const warnings: string[] = [];
    const log = {
      debug() {},
      info() {},
      error() {},
      warn: (_: object, text: string) => void warnings.push(text),
    };
    await using opened = await open(redis, { log });
    expect(opened.store.durability).toBe(durability);
    expect(warnings).toHaveLength(durability === 'disk' ? 0 : 1);
  });

  test('a configuration that cannot be read promises nothing', async () => {
    await using redis = await startRedis({ config: { 'rename-command': 'CONFIG ""' } });
    const warnings: string[] = [];
    const log = {
      debug() {},
      info() {},
      error() {},
      warn: (_: object, text: string) => void warnings.push(text),
    };
    await using opened = await open(redis, { log });
    expect(opened.store.durability).toBe('memory');
    expect(warnings).toMatchObject([expect.stringContaining('maxmemory-policy')]);
  });

  test('a user with the rights that docs/redis.md names is enough; one without is refused', async () => {
    await using redis = await startRedis();
    const rights = '+@all -@dangerous +info +config|get ~chat:* &chat:*'.split(' ');
    await redis.ask('ACL', 'SETUSER', 'chat', 'on', '>p@ss', ...rights);
    const url = redis.url.replace('redis://', 'redis://chat:p%40ss@');
    await using store = await RedisStore.open({ url });
    const here = await sceneOn(store);
    expect(store.durability).toBe('disk');
    const room = await here.roomOf('ada', 'bob');
    await here.useDevice('ada', 'phone');
    await here.useDevice('ada', 'desk');
    await here.postMany(room, 'ada', 3);
    await here.moveCursor(room, 'ada', 'desk', { epoch: await here.epoch(room), seq: 2 });
    await store.markRead(room, 'bob', 2);
    await store.leave(room, 'bob');
    await here.retain({ maxMessages: 1, idsMs: 0 });
    expect((await store.listRooms(here.namespace, undefined, 10)).items).toMatchObject([{ head: 4 }]);
    const wrong = redis.url.replace('redis://', 'redis://chat:wrong@');
    await expect(RedisStore.open({ url: wrong, connectMs: 500 })).rejects.toMatchObject({
      name: 'RedisConnectError',
      message: expect.stringMatching(/WRONGPASS/),
    });
  });

  test('replicas that are waited for make it replicated, and their absence does not', async () => {
    await using redis = await startRedis();
    await using opened = await open(redis, { waitReplicas: 1 });
    const { store, here } = opened;
    const room = await here.roomOf('ada');
    const durableOf = async () => (await store.append([{ room, drafts: [here.draft('ada', 'x')] }])).durable;
    expect(await durableOf()).toBe('disk');
    await using replica = await startRedis({ replicaOf: redis.port });
    await until(
      () => replica.ask('INFO', 'replication'),
      (info) => String(info).includes('link_status:up'),
    );
    expect(await until(durableOf, (durability) => durability === 'replicated')).toBe('replicated');
  });
});

test('a failure that Redis names is passing, a mistake of ours is not', async () => {
  await using redis = await startRedis();
  await using opened = await open(redis);
  const room = await opened.here.roomOf('ada');
  await redis.ask('SET', new Keys('chat').room(room, 'meta'), 'not a hash');
  await expect(opened.here.log(room)).rejects.not.toBeInstanceOf(StoreUnavailable);
});
