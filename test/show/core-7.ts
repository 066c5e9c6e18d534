/** Said aloud (G12): stores that lost writes, and what every client is told then. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChatClient, fresh, until } from '../support/client.ts';
import { startRedis, type RedisServer } from '../support/redis.ts';
import { startServer, type RunningServer } from '../support/server.ts';
import type { Report, Scenario } from './scenario.ts';

export const core7: Scenario = {
  id: 'core-7',
  title: 'said aloud: a store that lost writes',
  shortS: 180,
  async run(_size, report) {
    await olderAof(report);
    await promotedReplica(report);
    await olderDirectory(report);
    await wipedDirectory(report);
    await retentionOvertakes(report);
  },
};

/** One (epoch, seq) is one message, over all clients, acks and histories. */
class Ledger {
  readonly #seen = new Map<string, string>();
  readonly conflicts: string[] = [];

  see(room: string, epoch: string, seq: number, id: string): void {
    const key = `${room} ${epoch} ${seq}`;
    const known = this.#seen.get(key);
    if (known !== undefined && known !== id) this.conflicts.push(`${key}: ${known} and ${id}`);
    this.#seen.set(key, id);
  }

  /** Everything that a client was handed, under the epoch it came in. */
  follow(client: ChatClient): void {
    client.socket.on(
      'messages',
      ({
        room,
        epoch,
        messages,
      }: {
        room: string;
        epoch: string;
        messages: { seq: number; id: string }[];
      }) => {
        for (const { seq, id } of messages) this.see(room, epoch, seq, id);
      },
    );
  }
}

interface Scene {
  readonly room: string;
  readonly ada: ChatClient;
  readonly bob: ChatClient;
  readonly ledger: Ledger;
}

async function enter(url: string, room = fresh('g12')): Promise<Scene> {
  const ledger = new Ledger();
  const [ada, bob] = await Promise.all(
    ['ada', 'bob'].map((user) =>
      ChatClient.connect(url, { user: `${user}-${room}`, device: 'phone', reconnects: true }),
    ),
  );
  if (ada === undefined || bob === undefined) throw new Error('nobody came');
  for (const client of [ada, bob]) {
    ledger.follow(client);
    await client.join(room);
  }
  return { room, ada, bob, ledger };
}

async function post({ ada, room, ledger }: Scene, count: number, name: string): Promise<number> {
  let seq = 0;
  for (let i = 0; i < count; i += 1) {
    const reply = await ada.postSurely(room, name, `${name}-${i}`);
    ledger.see(room, reply.epoch, reply.seq, `${name}-${i}`);
    seq = reply.seq;
  }
  return seq;
}

/** After the store went back to `kept` of `had` entries and got a new post first. */
function expectLost(
  report: Report,
  what: string,
  { bob, ada, room, ledger }: Scene,
  kept: number,
  had: number,
): void {
  for (const [name, client] of [
    ['ada', ada],
    ['bob', bob],
  ] as const) {
    const losts = client.follower.losts.map(({ reason, from, to, next }) => ({
      reason,
      from,
      to,
      next: next.seq,
    }));
    report.same(`${what}: ${name} is told exactly what is void`, losts, [
      { reason: 'epoch', from: kept + 1, to: had, next: kept },
    ]);
    report.same(`${what}: ${name} lands on next and goes on without a hole`, client.follower.faults, []);
    report.claim(
      `${what}: ${name} goes on in another epoch`,
      client.messages(room).at(-1)?.seq === kept + 1,
      JSON.stringify(client.messages(room).at(-1)),
    );
  }
  report.same(`${what}: one (epoch, seq) is one message`, ledger.conflicts, []);
  ada.close();
  bob.close();
}

async function olderAof(report: Report): Promise<void> {
  await using redis = await startRedis({ appendfsync: 'always' });
  await using server = await startServer({
    adapter: 'redis',
    workers: 2,
    redisUrl: redis.url,
    redisPrefix: 'g12',
  });
  const scene = await enter(server.url);
  await post(scene, 5, 'kept');
  const copy = await copyOf(redis.dir);
  const had = await post(scene, 4, 'void');
  for (const client of [scene.ada, scene.bob]) await client.reach(scene.room, had);
  await redis.kill();
  restore(copy, redis.dir);
  await redis.restart();
  // A worker that knew nothing of the room posts first.
  await using stranger = await startServer({
    adapter: 'redis',
    workers: 1,
    redisUrl: redis.url,
    redisPrefix: 'g12',
  });
  await postAsStranger(stranger, scene);
  await settle(scene, 5);
  expectLost(report, 'an older AOF', scene, 5, had);
}

async function promotedReplica(report: Report): Promise<void> {
  await using master = await startRedis({ appendfsync: 'always' });
  const replica = await startRedis({ appendfsync: 'always', replicaOf: master.port });
  await using _replica = replica;
  await using server = await startServer({
    adapter: 'redis',
    workers: 2,
    redisUrl: master.url,
    redisPrefix: 'g12',
  });
  const scene = await enter(server.url);
  await post(scene, 5, 'kept');
  await eventually(
    async () =>
      (await replica.ask('DBSIZE')) === (await master.ask('DBSIZE')) && (await offsets(master, replica)),
    'the replica has caught up',
  );
  // Cut off, as by a partition: what the master takes from now on it never gets.
  await replica.ask('REPLICAOF', 'NO', 'ONE');
  const had = await post(scene, 3, 'void');
  for (const client of [scene.ada, scene.bob]) await client.reach(scene.room, had);
  const { port } = master;
  await master.kill();
  await replica.kill();
  // It takes the master's place under the same address, with what it had: never empty, since who
  // then looked would rightly be told that there is no such room.
  await using promoted = await startRedis({ appendfsync: 'always', port, dataOf: replica.dir });
  await using stranger = await startServer({
    adapter: 'redis',
    workers: 1,
    redisUrl: promoted.url,
    redisPrefix: 'g12',
  });
  await postAsStranger(stranger, scene);
  await settle(scene, 5);
  expectLost(report, 'a promoted replica', scene, 5, had);
}

async function olderDirectory(report: Report): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'chat-g12-'));
  let server = await startServer({ workers: 2, dataDir });
  const scene = await enter(server.url);
  const port = new URL(server.url).port;
  await post(scene, 5, 'kept');
  await server.stop();
  const copy = await copyOf(dataDir);
  server = await startServer({ workers: 2, dataDir, args: ['--port', port] });
  await backAgain(scene);
  const had = await post(scene, 4, 'void');
  for (const client of [scene.ada, scene.bob]) await client.reach(scene.room, had);
  await server.stop();
  restore(copy, dataDir);
  server = await startServer({ workers: 2, dataDir, args: ['--port', port] });
  await postAsStranger(server, scene);
  await settle(scene, 5);
  expectLost(report, 'an older data directory', scene, 5, had);
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

async function wipedDirectory(report: Report): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'chat-g12-'));
  let server = await startServer({ workers: 2, dataDir });
  const port = new URL(server.url).port;
  const scene = await enter(server.url);
  const had = await post(scene, 4, 'void');
  for (const client of [scene.ada, scene.bob]) await client.reach(scene.room, had);
  const positions = scene.bob.follower.positions();
  scene.ada.close();
  scene.bob.close();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
  server = await startServer({ workers: 2, dataDir, args: ['--port', port] });
  const again = await ChatClient.connect(server.url, { user: 'bob', device: 'phone' });
  scene.ledger.follow(again);
  await again.join(scene.room, positions[scene.room]);
  const reply = await again.post(scene.room, 'new', 'new-0');
  scene.ledger.see(scene.room, reply.epoch, reply.seq, 'new-0');
  await again.reach(scene.room, 1);
  report.same(
    'a wiped directory: all that was had is void',
    again.follower.losts.map(({ reason, from, to, next }) => ({ reason, from, to, next: next.seq })),
    [{ reason: 'epoch', from: 1, to: had, next: 0 }],
  );
  report.same('a wiped directory: no hole afterwards', again.follower.faults, []);
  report.same('a wiped directory: one (epoch, seq) is one message', scene.ledger.conflicts, []);
  again.close();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

async function retentionOvertakes(report: Report): Promise<void> {
  await using redis = await startRedis({ appendfsync: 'no' });
  for (const adapter of ['cluster', 'redis'] as const) {
    await using server = await startServer({
      adapter,
      workers: 2,
      redisUrl: redis.url,
      redisPrefix: 'ret',
      args: ['--retain-messages', '20', '--retain-sweep', '200ms', '--rate-posts', '0'],
    });
    const scene = await enter(server.url);
    scene.bob.close();
    const head = await post(scene, 60, 'm');
    await eventually(async () => (await firstOf(scene)) === head - 19, 'retention has come round');
    const again = await ChatClient.connect(server.url, { user: `bob-${scene.room}`, device: 'phone' });
    await again.reach(scene.room, head);
    const losts = again.follower.losts.map(({ reason, from, to, next }) => ({
      reason,
      from,
      to,
      next: next.seq,
    }));
    report.same(`${adapter}: retention overtook a cursor: announced`, losts, [
      { reason: 'retention', from: 1, to: head - 20, next: head - 20 },
    ]);
    report.same(`${adapter}: retention: the rest comes without a hole`, again.follower.faults, []);
    report.same(`${adapter}: retention: what is retained comes`, again.messages(scene.room).length, 20);
    again.close();
    scene.ada.close();
  }
}

async function firstOf({ ada, room }: Scene): Promise<number> {
  return (await ada.ask<{ first: number }>('history', { room, limit: 1 })).first;
}

async function postAsStranger(server: RunningServer, { room, ledger }: Scene): Promise<void> {
  const stranger = await ChatClient.connect(server.url, { user: 'stranger', subscribe: false });
  await eventually(async () => (await stranger.request('room:join', { room })).ok, 'the stranger is in');
  const reply = await stranger.postSurely(room, 'first', 'stranger-0');
  ledger.see(room, reply.epoch, reply.seq, 'stranger-0');
  stranger.close();
}

/** Both clients have the first entry after what was kept. */
async function settle({ ada, bob, room }: Scene, kept: number): Promise<void> {
  for (const client of [ada, bob]) {
    await until(
      () => client.follower.losts.length > 0 && (client.follower.position(room)?.seq ?? 0) >= kept + 1,
      20_000,
      () => `${client.user} is at ${JSON.stringify(client.follower.position(room))}`,
    );
  }
}

async function backAgain({ ada, bob }: Scene): Promise<void> {
  await until(
    () => ada.welcomes > 1 && bob.welcomes > 1,
    20_000,
    () => 'not back',
  );
}

async function copyOf(dir: string): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), 'chat-copy-'));
  cpSync(dir, copy, { recursive: true });
  return copy;
}

function restore(copy: string, dir: string): void {
  rmSync(dir, { recursive: true, force: true });
  cpSync(copy, dir, { recursive: true });
  rmSync(copy, { recursive: true, force: true });
}

async function offsets(master: RedisServer, replica: RedisServer): Promise<boolean> {
  const [a, b] = await Promise.all(
    [master, replica].map(
      async (server) => /master_repl_offset:(\d+)/.exec(String(await server.ask('INFO', 'replication')))?.[1],
    ),
  );
  return a !== undefined && a === b;
}

async function eventually(condition: () => Promise<boolean>, told: string): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not: ${told}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
