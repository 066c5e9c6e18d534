/** Namespaces: the same names in three at once, and a thousand with one client each. */
import { ChatClient, fresh } from '../support/client.ts';
import { ADAPTERS } from './core-3.ts';
import { residentBytes } from './core-10.ts';
import { openServer } from '../support/server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

const SIZES = { short: 60, long: 1_000 } as const;

export const core14: Scenario = {
  id: 'core-14',
  title: 'namespaces',
  shortS: 120,
  async run(size, report) {
    for (const adapter of ADAPTERS) {
      await nothingCrosses(adapter, report);
      await many(adapter, SIZES[size], report);
    }
  },
};

async function nothingCrosses(adapter: Adapter, report: Report): Promise<void> {
  await using server = await openServer({
    adapter,
    workers: 3,
    args: ['--namespaces', '/acme,/team-*', '--rate-posts', '0'],
  });
  const room = fresh('lobby');
  const user = fresh('ada');
  const spaces = ['/', '/acme', '/team-red'];
  const clients = await Promise.all(
    spaces.flatMap((namespace) =>
      [0, 1].map((i) => ChatClient.connect(server.urls[0] ?? '', { user, device: `d${i}`, namespace })),
    ),
  );
  for (const client of clients) await client.join(room);
  await Promise.all(
    clients.map(async (client, i) => {
      for (let k = 0; k < 30; k += 1)
        await client.post(room, spaces[Math.floor(i / 2)] ?? '', `same-${i % 2}-${k}`);
    }),
  );
  for (const [i, client] of clients.entries()) {
    await client.reach(room, 60);
    const texts = new Set(client.texts(room));
    report.same(
      `${adapter}: ${spaces[Math.floor(i / 2)]} sees its own alone`,
      [...texts],
      [spaces[Math.floor(i / 2)]],
    );
    report.same(`${adapter}: no hole, no repeat`, client.follower.faults, []);
    client.close();
  }
}

async function many(adapter: Adapter, count: number, report: Report): Promise<void> {
  await using server = await openServer({
    adapter,
    workers: 2,
    args: ['--namespaces', '/n-*', '--rate-posts', '0'],
  });
  const pids = server.hosts[0]?.workers() ?? [];
  const rss = (): number => pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
  const before = rss();
  const open = async (turn: number): Promise<void> => {
    for (let at = 0; at < count; at += 50) {
      const clients = await Promise.all(
        Array.from({ length: Math.min(50, count - at) }, (_, i) =>
          ChatClient.connect(server.urls[0] ?? '', { user: 'ada', namespace: `/n-${at + i}` }),
        ),
      );
      await Promise.all(
        clients.map(async (client) => {
          await client.join('lobby');
          await client.post('lobby', 'hello', `turn-${turn}`);
        }),
      );
      for (const client of clients) client.close();
    }
  };
  await open(0);
  const once = rss();
  await open(1);
  const twice = rss();
  report.figure(`${adapter}: namespaces with a client each`, count);
  report.figure(
    `${adapter}: workers' memory grew by KB a namespace, first time`,
    (once - before) / 1_024 / count,
  );
  report.figure(`${adapter}: and by KB a namespace, second time`, (twice - once) / 1_024 / count);
  const log = server.hosts[0]?.stderr() ?? '';
  report.claim(`${adapter}: no warning of leaking listeners`, !log.includes('MaxListenersExceeded'));
  report.claim(
    `${adapter}: the second time costs next to nothing`,
    twice - once < 24 * 1_048_576,
    `${Math.round((twice - once) / 1_048_576)} MB`,
  );
}
