/** Rolling reload under traffic, half the clients on long polling. */
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../support/client.ts';
import { ADAPTERS } from './core-3.ts';
import { Crowd } from './crowd.ts';
import { openServer } from '../support/server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

/** `waitMs`: the short form runs beside other tests, which want the cores too (1.5 s with one, on 2 slow ones). */
const SIZES = {
  short: { reloads: 2, clients: 20, rooms: 4, perSecond: 60, waitMs: 5_000 },
  long: { reloads: 10, clients: 60, rooms: 20, perSecond: 500, waitMs: 2_000 },
} as const;
/** What is posted at the end of a stop to make up for it: a little more is asked for than is meant. */
const ASKED = 1.1;

export const core8: Scenario = {
  id: 'core-8',
  title: 'rolling reload',
  shortS: 120,
  async run(size, report) {
    for (const adapter of ADAPTERS) await reload(adapter, SIZES[size], report);
  },
};

async function reload(
  adapter: Adapter,
  { reloads, clients, rooms, perSecond, waitMs }: (typeof SIZES)['short' | 'long'],
  report: Report,
): Promise<void> {
  await using server = await openServer({ adapter, workers: 3, args: ['--rate-posts', '0'] });
  await using crowd = await Crowd.gather(server.urls, { clients, rooms, pollingEvery: 2, prefix: 'c8' });
  const [host] = server.hosts;
  if (host === undefined) throw new Error('no host');
  const traffic = new AbortController();
  const began = performance.now();
  const posting = crowd.postUntilAborted(traffic.signal, perSecond * ASKED);
  for (let round = 0; round < reloads; round += 1) {
    await pause(1_000);
    const before = host.workers();
    const welcomes = crowd.clients.map((client) => client.welcomes);
    host.signal('SIGHUP');
    await until(
      () => host.workers().length === before.length && host.workers().every((pid) => !before.includes(pid)),
      40_000,
      () => 'the workers were not replaced',
    );
    await pause(500);
    const most = Math.max(...crowd.clients.map((client, i) => client.welcomes - (welcomes[i] ?? 0)));
    report.claim(
      `${adapter}: reload ${round}: each client reconnects at most once`,
      most <= 1,
      `one ${most} times`,
    );
  }
  traffic.abort();
  await posting;
  const rate = (1_000 * crowd.posted.length) / (performance.now() - began);
  await crowd.settle(20_000);
  crowd.verify(report);
  const worst = Math.max(...crowd.postMs);
  report.figure(`${adapter}: reloads`, reloads);
  report.figure(`${adapter}: posts acknowledged, none lost`, crowd.posted.length);
  report.figure(`${adapter}: posts a second, reloads included`, rate);
  report.figure(`${adapter}: longest wait of a post, ms`, worst);
  report.claim(
    `${adapter}: no post waits longer than ${waitMs / 1_000} s`,
    worst < waitMs,
    `${Math.round(worst)} ms`,
  );
}
