/** The API by its own document, and hooks over the end of both sides. */
import { setTimeout as pause } from 'node:timers/promises';
import { ChatClient, fresh } from '../support/client.ts';
import { STATUS_ARGS, STATUS_KEYS, StatusMaker, type ApiDocument } from '../support/api-statuses.ts';
import { HOOK_SECRET, startReceiver } from '../support/hook-receiver.ts';
import { lintOpenApi } from '../support/lint-openapi.ts';
import { ADAPTERS } from './core-3.ts';
import { runGeneratedClient } from './generated-client.ts';
import { openServer } from '../support/server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

const SIZES = {
  short: { awayMs: 3_000, rooms: 4, posts: 20 },
  long: { awayMs: 60_000, rooms: 20, posts: 500 },
} as const;

export const people5: Scenario = {
  id: 'people-5',
  title: 'the API by its own document, and hooks over the end of both sides',
  shortS: 120,
  async run(size, report) {
    for (const adapter of ADAPTERS) {
      await askApi(adapter, size, report);
      await bringLogs(adapter, SIZES[size], report);
    }
  },
};

async function askApi(adapter: Adapter, size: 'short' | 'long', report: Report): Promise<void> {
  await using server = await openServer({ adapter, workers: 1, args: STATUS_ARGS });
  const [url = ''] = server.urls;
  const document = (await (await fetch(`${url}/api/v1/openapi.json`)).json()) as ApiDocument;
  report.same(`${adapter}: what a linter says of the OpenAPI document`, await lintOpenApi(document), []);
  if (size === 'long') {
    const done = await runGeneratedClient(document, url, STATUS_KEYS.all);
    report.same(`${adapter}: a generated client posts, lists and bans`, done, {
      posted: 2,
      listed: true,
      banned: true,
    });
  }
  // With the embedded store nothing takes the store away from its workers alone.
  const takeAway = adapter === 'redis' ? () => server.redis?.kill() : undefined;
  const { documented, produced, wrong } = await new StatusMaker(url).run(document, takeAway);
  report.figure(`${adapter}: statuses that are documented and produced`, documented.length);
  report.same(`${adapter}: statuses that were others`, wrong, []);
  report.same(`${adapter}: each documented status is produced`, produced.toSorted(), documented.toSorted());
}

async function bringLogs(
  adapter: Adapter,
  { awayMs, rooms: count, posts }: (typeof SIZES)['short' | 'long'],
  report: Report,
): Promise<void> {
  await using receiver = await startReceiver();
  await using server = await openServer({
    adapter,
    workers: 2,
    hosts: adapter === 'redis' ? 2 : 1,
    args: [
      '--hook',
      receiver.url,
      '--hook-secret',
      HOOK_SECRET,
      '--rate-posts',
      '0',
      '--presence-lease',
      '2s',
    ],
  });
  const rooms = Array.from({ length: count }, () => fresh('room'));
  const sent = new Map(rooms.map((room) => [room, 0]));
  const post = async (): Promise<void> => {
    await Promise.all(
      rooms.map(async (room, i) => {
        using client = await ChatClient.connect(server.urls[i % server.urls.length] ?? '', { user: 'ada' });
        await client.join(room);
        for (let n = 0; n < posts; n += 1) sent.set(room, (await client.post(room, `${n}`)).seq);
      }),
    );
  };
  await post();
  await receiver.down();
  const since = performance.now();
  await post();
  await server.crash();
  await post();
  await pause(Math.max(0, awayMs - (performance.now() - since)));
  await receiver.up();
  await post();
  // The pause between tries has grown to a minute.
  const end = performance.now() + 120_000;
  const isDone = (): boolean => rooms.every((room) => receiver.seqs(room).length === sent.get(room));
  while (!isDone() && performance.now() < end) await pause(200);
  report.figure(
    `${adapter}: entries in ${count} rooms, with the receiver away for ${awayMs / 1_000} s and all servers killed meanwhile`,
    [...sent.values()].reduce((sum, seq) => sum + seq, 0),
  );
  report.figure(`${adapter}: events that came`, receiver.events.length);
  report.same(
    `${adapter}: rooms of which not every entry came, in order`,
    rooms.filter((room) => receiver.seqs(room).length !== sent.get(room)),
    [],
  );
  report.same(`${adapter}: holes in what came, and signatures that were none`, receiver.faults, []);
}
