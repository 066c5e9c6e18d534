/**
 * The hundred users of core-17 as people: in rooms with rights that change, in direct rooms, with
 * what they read and who is there, over kills and reloads; at the end equal to a model.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { signalTo } from '../support/server.ts';
import { ADAPTERS } from './core-3.ts';
import { Crowd } from './crowd.ts';
import { GovernedRoom } from './governed-room.ts';
import { Pairs } from './pairs.ts';
import { Reading } from './reading.ts';
import { Roster } from './roster.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';
import { openServer, type ServerHandle } from '../support/server-handle.ts';

const SIZES = {
  short: { users: 24, seconds: 15, killEveryS: 5, reloadEvery: 2 },
  long: { users: 100, seconds: 1_800, killEveryS: 20, reloadEvery: 5 },
} as const;
const ROOMS = 10;
const GOVERNED = 4;
const POSTS_PER_SECOND = 30;
const GRACE_MS = 10_000;

export const people8: Scenario = {
  id: 'people-8',
  title: 'a hundred people, with kills and reloads',
  shortS: 240,
  async run(size, report) {
    // Side by side: half an hour for both.
    await Promise.all(ADAPTERS.map((adapter) => simulate(adapter, SIZES[size], report)));
  },
};

async function simulate(
  adapter: Adapter,
  { users, seconds, killEveryS, reloadEvery }: (typeof SIZES)['short' | 'long'],
  report: Report,
): Promise<void> {
  await using server = await openServer({
    adapter,
    workers: 3,
    hosts: adapter === 'redis' ? 2 : 1,
    args: ['--rate-posts', '0', '--rate-connects', '0', '--presence-grace', `${GRACE_MS}ms`],
  });
  await using crowd = await Crowd.gather(server.urls, {
    clients: users,
    rooms: ROOMS,
    pollingEvery: 5,
    prefix: `p8-${adapter}`,
  });
  const { clients } = crowd;
  const roster = await Roster.watch(clients);
  const governed = await Promise.all(
    Array.from({ length: GOVERNED }, (_, i) =>
      GovernedRoom.open(clients.filter((_, n) => n % GOVERNED === i)),
    ),
  );
  const pairs = await Pairs.open(clients);
  const reading = new Reading(clients, (i) => crowd.roomOf(i));
  const end = Date.now() + seconds * 1_000;
  const faults = kill(server, end, killEveryS, reloadEvery);
  await Promise.all([
    crowd.postUntil(end, POSTS_PER_SECOND),
    pairs.talkUntil(end),
    reading.readUntil(end),
    ...governed.map((room) => room.actUntil(end)),
  ]);
  const { kills, reloads } = await faults;
  report.claim(`${adapter}: workers were killed, and all of them replaced`, kills > 0 && reloads > 0);
  await crowd.settle(60_000);
  crowd.verify(report);
  await reading.verify(adapter, report);
  await pairs.verify(adapter, report);
  for (const room of governed) await room.verify(adapter, report);
  await roster.verify(adapter, GRACE_MS, report);
  report.figure(`${adapter}: users, seconds`, `${users}, ${seconds}`);
  report.figure(`${adapter}: workers killed, reloads`, `${kills}, ${reloads}`);
  report.figure(`${adapter}: posts in rooms, in direct rooms`, `${crowd.posted.length}, ${pairs.posts}`);
  report.figure(
    `${adapter}: acts on members, refused posts`,
    `${governed.reduce((sum, { acts }) => sum + acts, 0)}, ${governed.reduce((sum, { refused }) => sum + refused, 0)}`,
  );
  report.figure(`${adapter}: read marks`, reading.marks);
  report.figure(`${adapter}: presence events`, roster.told);
}

/** A worker at a time, and now and then a reload in the place of a kill. */
async function kill(
  server: ServerHandle,
  end: number,
  everyS: number,
  reloadEvery: number,
): Promise<{ readonly kills: number; readonly reloads: number }> {
  let [kills, reloads] = [0, 0];
  for (let turn = 0; ; turn += 1) {
    await pause(everyS * 1_000);
    // What comes last is over before the crowd is looked at.
    if (Date.now() > end - everyS * 500) return { kills, reloads };
    const host = server.hosts[turn % server.hosts.length];
    if (turn % reloadEvery === reloadEvery - 1) {
      host?.signal('SIGHUP');
      reloads += 1;
    } else {
      const workers = host?.workers() ?? [];
      signalTo(workers[turn % Math.max(1, workers.length)] ?? -1, 'SIGKILL');
      kills += 1;
    }
  }
}
