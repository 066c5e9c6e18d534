/** Presence: crowds that are dropped and come back, workers and hosts that are killed, and what a join costs. */
import { setTimeout as pause } from 'node:timers/promises';
import { ChatClient, fresh, until } from '../support/client.ts';
import { ADAPTERS } from './core-3.ts';
import { openServer, type ServerHandle } from '../support/server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

const SIZES = {
  short: { crowd: 60, graceS: 5, members: [10, 100] },
  long: { crowd: 3_000, graceS: 20, members: [10, 1_000, 10_000] },
} as const;

interface Change {
  readonly users: readonly { readonly user: string; readonly status: string }[];
  readonly counts?: Readonly<Record<string, number>>;
}

export const people1: Scenario = {
  id: 'people-1',
  title: 'presence',
  shortS: 150,
  async run(size, report) {
    for (const adapter of ADAPTERS) {
      await backWithinGrace(adapter, SIZES[size], report);
      await killed(adapter, report);
    }
    const costs: Spent[] = [];
    for (const members of SIZES[size].members) costs.push(await costOfJoin(members, report));
    const [least, most] = [costs.at(0)?.bytes ?? 0, costs.at(-1)?.bytes ?? Number.POSITIVE_INFINITY];
    report.claim('a join costs no more in a large room', most <= 1.5 * least, `${least}, ${most} bytes`);
  },
};

function changes(watcher: ChatClient): Change[] {
  return watcher.events.filter(({ event }) => event === 'presence').map(({ object }) => object as Change);
}

async function backWithinGrace(
  adapter: Adapter,
  { crowd: count, graceS }: { readonly crowd: number; readonly graceS: number },
  report: Report,
): Promise<void> {
  await using server = await openServer({
    adapter,
    workers: 3,
    args: [
      '--presence-grace',
      `${graceS}s`,
      '--max-watched-per-socket',
      '10000',
      '--max-presence-list',
      '4000',
    ],
  });
  const url = server.urls[0] ?? '';
  const users = Array.from({ length: count }, () => fresh('u'));
  const clients: ChatClient[] = [];
  for (let at = 0; at < count; at += 50)
    clients.push(
      ...(await Promise.all(
        users.slice(at, at + 50).map((user) => ChatClient.connect(url, { user, reconnects: true })),
      )),
    );
  const watcher = await ChatClient.connect(url, { user: fresh('me') });
  const isHere = async (): Promise<boolean> => {
    const news = await watcher.ask<Change>('presence:watch', { users });
    return news.users.every(({ status }) => status === 'online');
  };
  for (let i = 0; i < 50 && !(await isHere()); i += 1) await pause(200);
  const before = changes(watcher).length;
  for (const client of clients) client.drop();
  const since = performance.now();
  await until(
    () => clients.every(({ socket, welcomes }) => socket.connected && welcomes > 1),
    60_000,
    () => 'not all are back',
  );
  const backMs = performance.now() - since;
  // Whoever were taken for gone would be so by then.
  await pause(graceS * 1_000 - backMs + 3_000);
  const told = changes(watcher).slice(before);
  report.figure(`${adapter}: ${count} clients dropped and back within the grace time, s`, backMs / 1_000);
  report.claim(`${adapter}: they were back within the grace time`, backMs < graceS * 1_000);
  report.same(`${adapter}: presence events meanwhile`, told, []);
  for (const client of [watcher, ...clients]) client.close();
}

async function killed(adapter: Adapter, report: Report): Promise<void> {
  const graceMs = 2_000;
  const hosts = adapter === 'redis' ? 2 : 1;
  await using server = await openServer({ adapter, workers: 3, hosts, args: ['--presence-grace', '2s'] });
  const url = server.urls[0] ?? '';
  const watcher = await ChatClient.connect(url, { user: fresh('me') });
  const others = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      ChatClient.connect(server.urls[i % hosts] ?? '', { user: fresh('u') }),
    ),
  );
  await watcher.ask('presence:watch', { users: others.map(({ user }) => user) });
  await pause(2_000);
  const bound = adapter === 'cluster' ? 2_000 : 15_000;
  const at = (client: ChatClient): string => client.welcome.server.node;
  const pid = Number(
    others
      .map(at)
      .find(
        (node) => node !== at(watcher) && server.hosts[0]?.workers().includes(Number(node.split(':').at(-1))),
      )
      ?.split(':')
      .at(-1),
  );
  const ofWorker = others.filter((client) => at(client).endsWith(`:${pid}`)).map(({ user }) => user);
  process.kill(pid, 'SIGKILL');
  await offline(watcher, ofWorker, bound + graceMs, `${adapter}: a worker was killed`, report);
  if (hosts === 1) return close(watcher, others);
  const ofHost = await onHost(server, others);
  await server.hosts[1]?.kill();
  await offline(watcher, ofHost, bound + graceMs, `${adapter}: a host was killed`, report);
  close(watcher, others);
}

function close(...clients: (ChatClient | readonly ChatClient[])[]): void {
  for (const client of clients.flat()) client.close();
}

async function onHost(server: ServerHandle, others: readonly ChatClient[]): Promise<string[]> {
  const pids = server.hosts[1]?.workers() ?? [];
  return others
    .filter(({ welcome }) => pids.includes(Number(welcome.server.node.split(':').at(-1))))
    .map(({ user }) => user);
}

/** Of the lease's end and the grace time together. */
async function offline(
  watcher: ChatClient,
  users: readonly string[],
  withinMs: number,
  what: string,
  report: Report,
): Promise<void> {
  const since = performance.now();
  const told = (): Set<string> =>
    new Set(
      changes(watcher)
        .flatMap((change) => change.users)
        .filter(({ status }) => status === 'offline')
        .map(({ user }) => user),
    );
  await until(
    () => users.every((user) => told().has(user)),
    withinMs + 5_000,
    () => `${what}: ${users.filter((user) => !told().has(user)).length} are not offline`,
  );
  const ms = performance.now() - since;
  report.figure(`${what}: its ${users.length} users are offline after, s (grace time 2 s)`, ms / 1_000);
  report.claim(`${what}: within ${withinMs} ms`, users.length > 0 && ms <= withinMs, `${ms.toFixed(0)} ms`);
}

/** Commands that Redis was sent, and bytes it got, for one who joins a room of so many and is watched there. */
async function costOfJoin(members: number, report: Report): Promise<Spent> {
  await using server = await openServer({
    adapter: 'redis',
    workers: 2,
    args: ['--rate-joins', '0', '--rate-connects', '0', '--api-key', 'the-key-of-this-scenario'],
  });
  const url = server.urls[0] ?? '';
  const room = fresh('room');
  const { redis } = server;
  if (redis === undefined) throw new Error('no Redis');
  const put = (user: string) =>
    fetch(`${url}/api/v1/rooms/${room}/members/${user}`, {
      method: 'PUT',
      headers: { authorization: 'Bearer the-key-of-this-scenario', 'content-type': 'application/json' },
      body: '{}',
    }).then((response) => response.arrayBuffer());
  const watcher = await ChatClient.connect(url, { user: fresh('me') });
  await watcher.join(room);
  for (let at = 0; at < members; at += 50)
    await Promise.all(Array.from({ length: Math.min(50, members - at) }, (_, i) => put(`m${at + i}`)));
  await watcher.ask('presence:watch', { rooms: [room] });
  await pause(6_000);
  const idle = await spent(redis, async () => {});
  const joined = await spent(redis, async () => {
    for (let i = 0; i < 20; i += 1) {
      const client = await ChatClient.connect(url, { user: fresh('j') });
      await client.join(room);
      client.close();
    }
  });
  const per = (what: keyof Spent): number => Math.max(0, (joined[what] - idle[what]) / 20);
  const one = { commands: per('commands'), bytes: per('bytes') };
  report.figure(`${members} members: commands of one who connects and joins`, one.commands);
  report.figure(`${members} members: bytes to Redis of one who connects and joins`, one.bytes);
  report.claim(
    `${members} members: at most 60 commands and 6,000 bytes`,
    one.commands <= 60 && one.bytes <= 6_000,
    `${one.commands}, ${one.bytes}`,
  );
  watcher.close();
  return one;
}

interface Spent {
  readonly commands: number;
  readonly bytes: number;
}

/** Of ten seconds with `task` at their beginning. */
async function spent(
  redis: { ask(...command: string[]): Promise<unknown> },
  task: () => Promise<void>,
): Promise<Spent> {
  const before = await counters(redis);
  const end = Date.now() + 10_000;
  await task();
  await pause(Math.max(0, end - Date.now()));
  const after = await counters(redis);
  return { commands: after.commands - before.commands, bytes: after.bytes - before.bytes };
}

async function counters(redis: { ask(...command: string[]): Promise<unknown> }): Promise<Spent> {
  const info = String(await redis.ask('INFO', 'stats'));
  const of = (name: string): number => Number(new RegExp(`${name}:(\\d+)`).exec(info)?.[1]);
  return { commands: of('total_commands_processed'), bytes: of('total_net_input_bytes') };
}
