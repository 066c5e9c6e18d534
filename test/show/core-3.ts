/** Order and once: everybody posts at once, over both transports, and old ids come again after a restart. */
import { ChatClient } from '../support/client.ts';
import { Crowd } from './crowd.ts';
import { openServer, type ServerHandle } from '../support/server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

export const SIZES = {
  short: { workers: 3, clients: 30, rooms: 5, posts: 1_500, retries: 60 },
  long: { workers: 8, clients: 200, rooms: 20, posts: 50_000, retries: 1_000 },
} as const;

export const ADAPTERS: readonly Adapter[] = (process.env['SHOW_ADAPTERS'] ?? 'cluster,redis').split(
  ',',
) as Adapter[];

export const core3: Scenario = {
  id: 'core-3',
  title: 'order and once',
  shortS: 60,
  async run(size, report) {
    for (const adapter of ADAPTERS) await orderAndOnce(adapter, SIZES[size], report, undefined);
  },
};

/** Also used with a lossy adapter (core-4). */
export async function orderAndOnce(
  adapter: Adapter,
  size: (typeof SIZES)['short' | 'long'],
  report: Report,
  faults: string | undefined,
): Promise<void> {
  const name = faults === undefined ? adapter : `${adapter}, lossy`;
  await using server = await openServer({
    adapter,
    workers: size.workers,
    faults,
    args: ['--rate-posts', '0'],
  });
  await using crowd = await Crowd.gather(server.urls, {
    clients: size.clients,
    rooms: size.rooms,
    pollingEvery: 4,
    prefix: 'c3',
  });
  const began = performance.now();
  await crowd.postAll(size.posts, 4);
  await crowd.settle(30_000);
  const seconds = (performance.now() - began) / 1_000;
  crowd.verify(report);
  const delivered = crowd.clients.reduce(
    (sum, client, i) => sum + client.messages(crowd.roomOf(i)).length,
    0,
  );
  report.figure(`${name}: posts acknowledged`, crowd.posted.length);
  report.figure(`${name}: entries delivered`, delivered);
  report.figure(`${name}: seconds`, seconds);
  report.claim(
    `${name}: every post is acknowledged`,
    crowd.posted.length === size.posts,
    String(crowd.posted.length),
  );
  await retryAfterRestart(name, server, crowd, size.retries, report);
}

async function retryAfterRestart(
  name: string,
  server: ServerHandle,
  crowd: Crowd,
  retries: number,
  report: Report,
): Promise<void> {
  for (const client of crowd.clients) client.close();
  await server.restart();
  const step = Math.max(1, Math.floor(crowd.posted.length / retries));
  const old = crowd.posted.filter((_, i) => i % step === 0).slice(0, retries);
  const wrong: string[] = [];
  const clients = new Map<number, ChatClient>();
  for (const { client, room, id, reply } of old) {
    const again =
      clients.get(client) ??
      (await ChatClient.connect(server.urls[0] ?? '', { user: crowd.user(client), subscribe: false }));
    clients.set(client, again);
    const second = await again.postSurely(room, 'again', id);
    if (!second.duplicate || second.seq !== reply.seq || second.epoch !== reply.epoch)
      wrong.push(`${room} ${id}: ${JSON.stringify(second)}`);
  }
  for (const client of clients.values()) client.close();
  report.figure(`${name}: old ids tried again after a restart of everything`, old.length);
  report.claim(`${name}: an old id gives its first seq`, wrong.length === 0, wrong[0] ?? '');
}
