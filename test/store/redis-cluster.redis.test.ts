/** The contract on a Cluster of three, and what only a Cluster can do to a store. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { roomId, userId } from '../../src/chat/identity.ts';
import { StoreUnavailable } from '../../src/chat/store-unavailable.ts';
import { Keys, ROOM_KEYS, slotOf } from '../../src/store/redis/keys.ts';
import { RedisStore } from '../../src/store/redis/redis-store.ts';
import { storeContract } from '../contract/store-contract.ts';
import { until } from '../support/redis.ts';
import { startRedisCluster, type RedisCluster } from '../support/redis-topologies.ts';
import { accepted, Scene, seqsOf, textsOf, upTo } from '../contract/store-scene.ts';
import { openOnRedis } from './redis-opened.ts';

const config = { 'enable-debug-command': 'yes' };

storeContract('RedisStore on a Cluster', async () => {
  const cluster = await startRedisCluster(3, { config });
  return openOnRedis(() => RedisStore.open({ url: cluster.url }), {
    // What a restart changes, without the two seconds that a Cluster takes for one.
    async restart() {
      for (const node of cluster.nodes) await node.ask('DEBUG', 'CHANGE-REPL-ID');
    },
    end: () => cluster[Symbol.asyncDispose](),
  });
});

describe('RedisStore on a Cluster', () => {
  let cluster: RedisCluster;
  let store: RedisStore;
  let here: Scene;
  beforeAll(async () => {
    cluster = await startRedisCluster();
    store = await RedisStore.open({ url: cluster.url });
    here = new Scene(await openOnRedis(async () => store, { restart: async () => {}, end: async () => {} }));
  });
  afterAll(async () => {
    await store.close();
    await cluster[Symbol.asyncDispose]();
  });

  /** A room on each server, in the order of the servers. */
  const roomPerNode = async () => {
    const keys = new Keys('chat');
    return Promise.all(
      cluster.nodes.map(async (node) => {
        for (let n = 0; ; n += 1) {
          const room = roomId(here.namespace, `on-${n}`);
          if ((await cluster.nodeOf(keys.room(room, 'meta'))) !== node) continue;
          await here.join(room, 'ada');
          return room;
        }
      }),
    );
  };

  /** A user whose presence is on each server, in the order of the servers. */
  const userPerNode = () => {
    const keys = new Keys('chat');
    return Promise.all(
      cluster.nodes.map(async (node) => {
        for (let n = 0; ; n += 1) {
          const user = userId(here.namespace, `u-${n}`);
          if ((await cluster.nodeOf(keys.user(user, 'presence'))) === node) return user;
        }
      }),
    );
  };

  test('a slot is computed as the servers do', async () => {
    for (const key of ['', 'a', 'chat:1:{/|tea}:meta', '{}x', 'žluť', 'a{b}{c}', '{'])
      expect(slotOf(key)).toBe(await cluster.nodes[0]?.ask('CLUSTER', 'KEYSLOT', key));
  });

  test('while a slot moves to another server every post gets its seq, once and in order', async () => {
    const [room] = await roomPerNode();
    if (room === undefined) throw new Error('no room');
    const [from, to] = cluster.nodes;
    if (from === undefined || to === undefined) throw new Error('no nodes');
    const slot = String(slotOf(new Keys('chat').room(room, 'meta')));
    let isMoving = true;
    const moving = (async () => {
      const [fromId, toId] = [
        String(await from.ask('CLUSTER', 'MYID')),
        String(await to.ask('CLUSTER', 'MYID')),
      ];
      await to.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
      await from.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
      for (;;) {
        const [key] = (await from.ask('CLUSTER', 'GETKEYSINSLOT', slot, '1')) as string[];
        if (key === undefined) break;
        await from.ask('MIGRATE', '127.0.0.1', String(to.port), key, '0', '5000');
        await pause(30);
      }
      for (const node of [to, from, ...cluster.nodes.slice(2)])
        await node.ask('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
      isMoving = false;
    })();
    const seqs: number[] = [];
    for (let n = 1; isMoving || n < 50; n += 1) {
      // Sent again with the same id until it is stored, as a client does.
      const draft = here.draft('ada', `text ${n}`);
      const { results } = await until(
        () => here.append(room, [draft]),
        () => true,
      );
      seqs.push(accepted(results[0]).seq);
    }
    await moving;
    await here.post(room, 'ada', 'after');
    expect((await store.heads([room]))[0]?.head).toBe(seqs.length + 1);
    expect(seqs).toEqual(upTo(seqs.length));
    const { entries } = await here.log(room);
    expect(textsOf(entries)).toEqual([...upTo(seqs.length).map((n) => `text ${n}`), 'after']);
    // Of this room: a user of another test may have its keys in the same slot.
    const [tag = ''] = /\{.*?\}/.exec(new Keys('chat').room(room, 'meta')) ?? [];
    const keysThere = async (): Promise<string[]> => {
      const keys = (await to.ask('CLUSTER', 'GETKEYSINSLOT', slot, '100')) as string[];
      return keys.map(String).filter((key) => key.includes(tag));
    };
    expect(tag).not.toBe('');
    expect(await until(keysThere, (keys) => keys.length >= ROOM_KEYS.length)).toHaveLength(ROOM_KEYS.length);
  });

  test('a server that is gone fails its own rooms only, and they come back with it', async () => {
    const rooms = await roomPerNode();
    const users = await userPerNode();
    const presences = async () =>
      (await store.presence(users)).map((record) => (record === 'unknown' ? record : 'known'));
    expect(await presences()).toEqual(['known', 'known', 'known']);
    const lost = cluster.nodes[2];
    await lost?.kill();
    const append = async () => {
      const { rooms: outcomes } = await store.append(
        rooms.map((room) => ({ room, drafts: [here.draft('ada', 'x')] })),
      );
      return outcomes.map((outcome) => (outcome instanceof StoreUnavailable ? 'unavailable' : 'stored'));
    };
    expect(await append()).toEqual(['stored', 'stored', 'unavailable']);
    const heads = await store.heads(rooms);
    expect(heads.map((head) => head !== undefined)).toEqual([true, true, false]);
    expect(await presences()).toEqual(['known', 'known', 'unknown']);
    await store.ping();
    expect(await append()).toEqual(['stored', 'stored', 'unavailable']);
    await lost?.restart();
    await until(append, (outcomes) => outcomes.every((outcome) => outcome === 'stored'));
    const { entries } = await here.log(rooms[2] ?? rooms[0] ?? here.room());
    expect(seqsOf(entries)).toEqual(upTo(entries.length));
  });

  test('a store opens while a server is down, the one that its URL names first too', async () => {
    const [first] = cluster.nodes;
    await first?.kill();
    await using other = await RedisStore.open({ url: cluster.url });
    await other.ping();
    await first?.restart();
    await until(
      () => other.ping().then(() => true),
      (isUp) => isUp,
    );
  });
});
