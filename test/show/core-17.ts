/** The first real run: simulated users over ten rooms, with reconnects and a reload. */
import { setTimeout as pause } from 'node:timers/promises';
import { ADAPTERS } from './core-3.ts';
import { Crowd } from './crowd.ts';
import { openServer } from '../support/server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

const SIZES = {
  short: { users: 30, seconds: 12 },
  long: { users: 100, seconds: 600 },
} as const;
const ROOMS = 10;
const POSTS_PER_SECOND = 30;

export const core17: Scenario = {
  id: 'core-17',
  title: 'a hundred simulated users',
  shortS: 120,
  async run(size, report) {
    for (const adapter of ADAPTERS) await simulate(adapter, SIZES[size], report);
  },
};

async function simulate(
  adapter: Adapter,
  { users, seconds }: (typeof SIZES)['short' | 'long'],
  report: Report,
): Promise<void> {
  await using server = await openServer({ adapter, workers: 3, args: ['--rate-posts', '0'] });
  await using crowd = await Crowd.gather(server.urls, {
    clients: users,
    rooms: ROOMS,
    pollingEvery: 5,
    prefix: 'c17',
  });
  const end = Date.now() + seconds * 1_000;
  let worst = 0;
  let deliveries = 0;
  for (const client of crowd.clients) {
    const connectedAt = { at: Date.now() };
    client.socket.on('welcome', () => {
      connectedAt.at = Date.now();
    });
    client.socket.on('messages', ({ messages }: { messages: { at: number }[] }) => {
      deliveries += messages.length;
      // Catching up after a cut is not a delay of the delivery.
      for (const { at } of messages) if (at > connectedAt.at) worst = Math.max(worst, Date.now() - at);
    });
  }
  const posting = crowd.postUntil(end, POSTS_PER_SECOND);
  let cuts = 0;
  let reloads = 0;
  while (Date.now() < end) {
    await pause(500);
    crowd.clients[Math.floor(Math.random() * users)]?.drop();
    cuts += 1;
    if (reloads === 0 && Date.now() > end - (seconds * 1_000) / 2) {
      reloads += 1;
      server.hosts[0]?.signal('SIGHUP');
    }
  }
  await posting;
  await crowd.settle(30_000);
  crowd.verify(report);
  const repeats = crowd.clients.reduce((sum, client) => sum + client.follower.faults.length, 0);
  report.figure(`${adapter}: users, seconds`, `${users}, ${seconds}`);
  report.figure(`${adapter}: posts acknowledged`, crowd.posted.length);
  report.figure(`${adapter}: deliveries`, deliveries);
  report.figure(`${adapter}: cuts, reloads`, `${cuts}, ${reloads}`);
  report.figure(`${adapter}: worst time from commit to delivery while connected, ms`, worst);
  report.figure(`${adapter}: losses and repeats`, repeats);
  report.same(`${adapter}: losses and repeats`, repeats, 0);
}
