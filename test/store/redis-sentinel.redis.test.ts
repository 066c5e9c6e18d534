/** A master that Sentinels watch: the store follows it. */
import { expect, test } from 'vitest';
import { RedisStore } from '../../src/store/redis/redis-store.ts';
import { Scene, seqsOf, textsOf, upTo } from '../contract/store-scene.ts';
import { until } from '../support/redis.ts';
import { startSentinelSet } from '../support/redis-topologies.ts';
import { openOnRedis } from './redis-opened.ts';

test('through Sentinel the store follows the master that was promoted, in a new epoch', async () => {
  await using set = await startSentinelSet();
  await using store = await RedisStore.open({ url: set.url });
  const here = new Scene(
    await openOnRedis(async () => store, { restart: async () => {}, end: async () => {} }),
  );
  const room = await here.roomOf('ada', 'bob');
  await here.postMany(room, 'ada', 5);
  expect(store.durability).toBe('disk');
  const old = await here.epoch(room);
  await until(
    () => set.replica.ask('INFO', 'replication'),
    (info) => /master_link_status:up[^]*slave_read_repl_offset/.test(String(info)),
  );
  await until(
    async () => [await set.master.ask('DBSIZE'), await set.replica.ask('DBSIZE')],
    ([a, b]) => a === b,
  );
  await set.master.kill();
  await expect(here.post(room, 'ada', 'no')).rejects.toMatchObject({ name: 'StoreUnavailable' });
  await until(
    () => store.ping().then(() => true),
    (isUp) => isUp,
    30_000,
  );
  await here.post(room, 'ada', 'after');
  const { entries, info } = await here.log(room);
  expect(seqsOf(entries)).toEqual(upTo(entries.length));
  expect(textsOf(entries).at(-1)).toBe('after');
  expect(info.chain.map(({ epoch }) => epoch)).toContain(old);
  expect(info.chain.length).toBe(2);
  expect((await here.store.index(here.user('bob'))).rooms).toEqual([room]);
}, 60_000);
