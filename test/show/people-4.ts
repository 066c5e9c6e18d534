/** Limits: one user on eight workers and two hosts. */
import { builtCompare } from '../support/built-compare.ts';
import { ChatClient, fresh } from '../support/client.ts';
import { openServer } from '../support/server-handle.ts';
import { ADAPTERS } from './core-3.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

const SIZES = { short: { workers: 2, seconds: 5 }, long: { workers: 8, seconds: 50 } } as const;
const LIMIT = 100;

export const people4: Scenario = {
  id: 'people-4',
  title: 'limits over workers and hosts',
  shortS: 90,
  async run(size, report) {
    for (const adapter of ADAPTERS) await spend(adapter, SIZES[size], report);
    if (size === 'long') for (const adapter of ADAPTERS) await costOfLimits(adapter, report);
  },
};

async function spend(
  adapter: Adapter,
  { workers, seconds }: (typeof SIZES)['short' | 'long'],
  report: Report,
): Promise<void> {
  const hosts = adapter === 'redis' ? 2 : 1;
  await using server = await openServer({ adapter, workers, hosts, args: ['--rate-posts', `${LIMIT}/1m`] });
  const user = fresh('ada');
  const room = fresh('room');
  // More connections than workers: each has some, most likely.
  const clients = await Promise.all(
    Array.from({ length: workers * hosts * 2 }, (_, i) =>
      ChatClient.connect(server.urls[i % hosts] ?? '', { user }),
    ),
  );
  for (const client of clients) await client.join(room);
  const places = new Set(clients.map((client) => client.welcome.server.node));
  const end = Date.now() + seconds * 1_000;
  let stored = 0;
  let refused = 0;
  let wrong = 0;
  await Promise.all(
    clients.map(async (client) => {
      while (Date.now() < end) {
        const reply = await client.request('message:post', { room, id: fresh(), text: 'x' });
        if (reply.ok) stored += 1;
        else if (reply.error.code === 'rate_limited' && (reply.error.retryAfterMs ?? 0) > 0) refused += 1;
        else wrong += 1;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }),
  );
  for (const client of clients) client.close();
  report.figure(
    `${adapter}: workers, hosts, workers with a connection`,
    `${workers}, ${hosts}, ${places.size}`,
  );
  report.figure(`${adapter}: stored within ${seconds} s of a limit of ${LIMIT} a minute`, stored);
  report.figure(`${adapter}: refused`, refused);
  report.claim(`${adapter}: between 90 and 110 are stored`, stored >= 90 && stored <= 110, String(stored));
  report.claim(
    `${adapter}: most workers had a share`,
    places.size >= (workers * hosts) / 2,
    String(places.size),
  );
  report.same(`${adapter}: refused by another name, or without a time`, wrong, 0);
  report.claim(`${adapter}: the limit was met`, refused > 0);
}

const PAIRS = { least: 7, most: 25 } as const;
/** × the p50 without limits. */
const MAY_COST = 1.05;
const NO_LIMITS = ['--rate-posts', '0', '--rate-joins', '0', '--rate-connects', '0'];
const ALL_LIMITS = [
  '--rate-posts',
  '1000000/1m',
  '--rate-room-posts',
  '1000000/1m',
  '--rate-requests',
  '1000000/1m',
  '--rate-bytes',
  '1000000000/1m',
];

/** 500 posts a second with every limit and with none, in turn. */
async function costOfLimits(adapter: Adapter, report: Report): Promise<void> {
  const { runCompare } = await builtCompare();
  const p50 = async (serverArgs: readonly string[]): Promise<number> => {
    const { results } = await runCompare({
      modes: [adapter],
      scenarios: ['steady'],
      // Rooms of ten: what posting costs is seen, not how a busy machine queues deliveries.
      clients: 100,
      rooms: 10,
      runs: 1,
      seconds: 10,
      serverArgs,
    });
    const [result] = results;
    if (result?.kind !== 'traffic' || result.void.length > 0) throw new Error(`void: ${result?.void.join()}`);
    return result.delivery.p50Ms;
  };
  const ratios: number[] = [];
  let found = medianOf(ratios);
  // A busy neighbour makes single runs half as long again: more are made until it is clear.
  while (
    ratios.length < PAIRS.least ||
    (ratios.length < PAIRS.most && found.low <= MAY_COST && found.high > MAY_COST)
  ) {
    // Who is first may find another machine than who is second.
    const isFirst = ratios.length % 2 === 0;
    const first = await p50(isFirst ? ALL_LIMITS : NO_LIMITS);
    const second = await p50(isFirst ? NO_LIMITS : ALL_LIMITS);
    ratios.push(isFirst ? first / second : second / first);
    found = medianOf(ratios);
  }
  const [median, low, high] = [found.median, found.low, found.high].map((ratio) => ratio.toFixed(3));
  const told = `${median} (${low} to ${high}, ${ratios.length} pairs)`;
  report.figure(`${adapter}: p50 at 500 posts/s with all limits, as a ratio to none`, told);
  report.claim(`${adapter}: limits cost at most 5 % of the p50`, found.median <= MAY_COST, told);
}

/** The median and its 95 % interval, which lies between two of the values (those of the sign test). */
function medianOf(values: readonly number[]): {
  readonly median: number;
  readonly low: number;
  readonly high: number;
} {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  // How likely so many or fewer of n coins show heads; twice that is what both ends leave out.
  let chance = 0.5 ** n;
  let below = 0;
  for (let heads = 0, sum = chance; 2 * sum <= 0.05 && n > 0; heads += 1) {
    below = heads + 1;
    chance *= (n - heads) / (heads + 1);
    sum += chance;
  }
  const middle =
    ((sorted[Math.floor((n - 1) / 2)] ?? Number.NaN) + (sorted[Math.floor(n / 2)] ?? Number.NaN)) / 2;
  if (below === 0) return { median: middle, low: 0, high: Infinity };
  return { median: middle, low: sorted[below - 1] ?? 0, high: sorted[n - below] ?? Infinity };
}
