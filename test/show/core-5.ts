/** Kill: workers and whole servers die by -9 under traffic; nothing acknowledged is lost or moved. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ChatClient, fresh, until } from '../support/client.ts';
import { ADAPTERS } from './core-3.ts';
import { Crowd, type Posted } from './crowd.ts';
import { openServer } from '../support/server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

const SIZES = {
  short: { seconds: 12, everyMs: 3_000, crashes: 3, clients: 24, workers: 3 },
  long: { seconds: 300, everyMs: 2_000, crashes: 50, clients: 80, workers: 4 },
} as const;
/** Posts per second of the whole crowd: enough that a kill always meets some under way. */
const POSTS_PER_SECOND = 200;
/** A commit is short: one stop in a hundred meets it. */
const MAX_STOPS = 3_000;
const STOPPING_MS = 2;

export const core5: Scenario = {
  id: 'core-5',
  title: 'kill -9 of workers and of the whole server',
  shortS: 180,
  async run(size, report) {
    for (const adapter of ADAPTERS) {
      await killWorkers(adapter, SIZES[size], report);
      await crashServers(adapter, SIZES[size].crashes, report);
      await stopInCommit(adapter, report);
    }
  },
};

type Size = (typeof SIZES)['short' | 'long'];

async function killWorkers(adapter: Adapter, size: Size, report: Report): Promise<void> {
  await using server = await openServer({ adapter, workers: size.workers, args: ['--rate-posts', '0'] });
  await using crowd = await Crowd.gather(server.urls, {
    clients: size.clients,
    rooms: 6,
    pollingEvery: 4,
    prefix: 'c5',
  });
  const end = Date.now() + size.seconds * 1_000;
  const posting = crowd.postUntil(end, POSTS_PER_SECOND);
  let kills = 0;
  while (Date.now() < end - 1_000) {
    await pause(size.everyMs);
    const pids = server.hosts[0]?.workers() ?? [];
    const victim = pids[Math.floor(Math.random() * pids.length)];
    if (victim !== undefined) process.kill(victim, 'SIGKILL');
    kills += 1;
  }
  await posting;
  await crowd.settle(30_000);
  crowd.verify(report);
  report.figure(`${adapter}: workers killed`, kills);
  report.figure(`${adapter}: posts acknowledged meanwhile`, crowd.posted.length);
  report.claim(
    `${adapter}: posts went on`,
    crowd.posted.length > size.seconds * 10,
    String(crowd.posted.length),
  );
}

/** The whole server dies right after acknowledgements; each must be found where it was said to be. */
async function crashServers(adapter: Adapter, rounds: number, report: Report): Promise<void> {
  await using server = await openServer({ adapter, workers: 2, args: ['--rate-posts', '0'] });
  const acked: Posted[] = [];
  const room = fresh('crash');
  for (let round = 0; round < rounds; round += 1) {
    const url = server.urls[0] ?? '';
    const clients = await Promise.all(
      [0, 1, 2].map((i) => ChatClient.connect(url, { user: `crash-${i}`, subscribe: false })),
    );
    for (const client of clients) await client.join(room);
    let isOver = false;
    const work = clients.map(async (client, i) => {
      for (let k = 0; !isOver; k += 1) {
        const id = `${round}-${k}`;
        const reply = await client
          .request<Posted['reply']>('message:post', { room, id, text: id })
          .catch(() => undefined);
        if (reply?.ok === true) acked.push({ client: i, room, id, reply });
      }
    });
    const before = acked.length;
    await until(
      () => acked.length > before + 20,
      10_000,
      () => 'no posts went through',
    );
    isOver = true;
    await server.crash();
    for (const client of clients) client.close();
    await Promise.all(work);
  }
  const reader = await ChatClient.connect(server.urls[0] ?? '', { user: 'crash-0', subscribe: false });
  await reader
    .ask('room:join', { room, after: { seq: 0 } })
    .then((state) => reader.follower.start(state as never));
  const head = Math.max(...acked.map(({ reply }) => reply.seq));
  await reader.reach(room, head, 30_000);
  const wrong = acked.filter(({ client, id, reply }) => {
    const at = reader.messages(room)[reply.seq - 1];
    return at?.id !== id || at.from !== `crash-${client}`;
  });
  report.claim(
    `${adapter}: nothing acknowledged is lost or moved`,
    wrong.length === 0,
    `${wrong.length} of ${acked.length}`,
  );
  report.same(`${adapter}: no hole`, reader.follower.faults, []);
  reader.close();
  report.figure(`${adapter}: kill -9 of the whole server right after acks`, rounds);
  report.figure(`${adapter}: acks checked`, acked.length);
}

/** A worker stopped while it commits holds LMDB's writer lock; the others go on within 6 s. */
async function stopInCommit(adapter: Adapter, report: Report): Promise<void> {
  await using server = await openServer({ adapter, workers: 3, args: ['--rate-posts', '0'] });
  await using crowd = await Crowd.gather(server.urls, {
    clients: 12,
    rooms: 2,
    pollingEvery: 0,
    prefix: 'c5s',
  });
  const stop = new AbortController();
  const posting = crowd.postUntilAborted(stop.signal, POSTS_PER_SECOND);
  await pause(500);
  const victim = server.hosts[0]?.workers()[0] ?? 0;
  let stopped = Date.now();
  let tries = 0;
  let isHolding = false;
  while (!isHolding && tries < MAX_STOPS) {
    tries += 1;
    stopped = Date.now();
    process.kill(victim, 'SIGSTOP');
    await pause(STOPPING_MS);
    // On Redis a script is never half done: any moment will do.
    isHolding = adapter === 'redis' || lockOwner(server.dataDir) === victim;
    if (!isHolding) {
      process.kill(victim, 'SIGCONT');
      await pause(5 + Math.random() * 10);
    }
  }
  report.claim(`${adapter}: it was stopped in mid-commit`, isHolding, `not in ${tries} tries`);
  await pause(8_000);
  stop.abort();
  await posting;
  await crowd.settle(20_000);
  crowd.verify(report);
  const times = crowd.ackTimes.filter((at) => at > stopped).toSorted((a, b) => a - b);
  const gaps = times.map((at, i) => at - (times[i - 1] ?? stopped));
  const worst = Math.max(...gaps);
  report.figure(`${adapter}: a worker stopped in mid-commit: longest time without an ack, ms`, worst);
  report.claim(`${adapter}: the others' posts go on within 6 s`, worst < 6_000, `${worst} ms`);
}

/** The process that holds LMDB's writer lock, by its word in the lock file (writer-lock.ts); 0: nobody. */
function lockOwner(dataDir: string): number {
  const file = readFileSync(join(dataDir, 'chat.mdb-lock'));
  // x64 has it behind one cache line, arm64 behind two.
  return file.readUInt32LE(process.arch === 'arm64' ? 128 : 64) & 0x3fff_ffff;
}
