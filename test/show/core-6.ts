/** The store away: Redis killed, frozen and restarted under traffic. */
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../support/client.ts';
import { Crowd } from './crowd.ts';
import { openServer, type ServerHandle } from '../support/server-handle.ts';
import type { Report, Scenario } from './scenario.ts';

const BOUND_MS = 5_000;

export const core6: Scenario = {
  id: 'core-6',
  title: 'the store away',
  shortS: 120,
  async run(size, report) {
    const rounds = size === 'long' ? 10 : 2;
    await using server = await openServer({ adapter: 'redis', workers: 3, args: ['--rate-posts', '0'] });
    await using crowd = await Crowd.gather(server.urls, {
      clients: 24,
      rooms: 4,
      pollingEvery: 4,
      prefix: 'c6',
    });
    const before = server.hosts[0]?.workers() ?? [];
    const traffic = new AbortController();
    const posting = crowd.postUntilAborted(traffic.signal, 100);
    const codes = new Set<string>();
    const asking = askForErrors(crowd, traffic.signal, codes);
    for (let round = 0; round < rounds; round += 1) {
      await pause(1_500);
      const how = (['killed', 'frozen', 'restarted'] as const)[round % 3] ?? 'killed';
      await takeAway(server, how, round, report);
    }
    await pause(1_000);
    traffic.abort();
    await Promise.all([posting, asking]);
    await crowd.settle(30_000);
    crowd.verify(report);
    report.same('no worker died', server.hosts[0]?.workers(), before);
    report.claim(
      'refusals are named',
      codes.size > 0 && [...codes].every((code) => code === 'unavailable' || code === 'busy'),
      [...codes].join(),
    );
    report.figure('times Redis was away under traffic', rounds);
    report.figure('codes of refused posts', [...codes].join());
    report.figure('posts acknowledged, all found', crowd.posted.length);
  },
};

/** Posts that are not tried again: what they are answered while the store is away. */
async function askForErrors(crowd: Crowd, signal: AbortSignal, codes: Set<string>): Promise<void> {
  const [client] = crowd.clients;
  while (!signal.aborted) {
    // To a room of its own, so that what is stored without an answer disturbs nobody's count.
    const reply = await client
      ?.request('room:join', { room: `${crowd.rooms[0]}-errors` })
      .catch(() => undefined);
    if (reply?.ok === false) codes.add(reply.error.code);
    await pause(100);
  }
}

async function takeAway(
  { redis, urls }: ServerHandle,
  how: 'killed' | 'frozen' | 'restarted',
  round: number,
  report: Report,
): Promise<void> {
  if (redis === undefined) throw new Error('no Redis');
  const url = `${urls[0]}/readyz`;
  const away = performance.now();
  if (how === 'frozen') redis.freeze();
  else if (how === 'killed') await redis.kill();
  else await redis.stop();
  await turns(url, 503);
  const red = performance.now() - away;
  report.figure(`round ${round}: ${how}: readiness red after ms`, red);
  report.claim(`round ${round}: red within 5 s`, red < BOUND_MS, `${Math.round(red)} ms`);
  const reasons = await reasonsNaming('store', url, away + BOUND_MS);
  report.claim(
    `round ${round}: the store is named as the reason within 5 s`,
    reasons.includes('store'),
    reasons,
  );
  if (how === 'frozen') redis.thaw();
  else await redis.restart();
  const back = performance.now();
  await turns(url, 200);
  const green = performance.now() - back;
  report.figure(`round ${round}: green after ms`, green);
  report.claim(`round ${round}: green within 5 s of its return`, green < BOUND_MS, `${Math.round(green)} ms`);
}

/** Each request may be answered by another worker: all of several must agree. */
async function turns(url: string, status: number): Promise<void> {
  let isSo = false;
  const look = async (): Promise<void> => {
    const answers = await Promise.all([0, 1, 2, 3].map(async () => (await fetch(url)).status));
    isSo = answers.every((answer) => answer === status);
  };
  const end = performance.now() + 20_000;
  while (!isSo && performance.now() < end) {
    await look();
    if (!isSo) await pause(100);
  }
  await until(
    () => isSo,
    1,
    () => `${url} did not turn ${status}`,
  );
}

/** The adapter may notice before the store does: what readiness says once both had their time. */
async function reasonsNaming(part: string, url: string, end: number): Promise<string> {
  for (;;) {
    const body = (await (await fetch(url)).json()) as { reasons?: string[] };
    const reasons = (body.reasons ?? []).join('; ');
    if (reasons.includes(part) || performance.now() > end) return reasons;
    await pause(100);
  }
}
