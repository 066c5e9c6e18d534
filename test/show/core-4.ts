/** A lossy adapter: order and once all the same, and the last message of a burst within 3 s. */
import { setTimeout as pause } from 'node:timers/promises';
import { ChatClient, fresh } from '../support/client.ts';
import { ADAPTERS, orderAndOnce, SIZES } from './core-3.ts';
import type { RunningServer } from '../support/server.ts';
import { openServer } from '../support/server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

const FAULTS = 'adapter.drop=0.2,adapter.duplicate=0.1,adapter.reorder=0.1,adapter.delay=50';
const BOUND_MS = 3_000;
const ROUNDS = { short: { count: 12, killEvery: 4 }, long: { count: 500, killEvery: 1 } } as const;
const WORKERS = 4;

export const core4: Scenario = {
  id: 'core-4',
  title: 'a lossy adapter',
  shortS: 120,
  async run(size, report) {
    for (const adapter of ADAPTERS) {
      await orderAndOnce(adapter, SIZES[size], report, FAULTS);
      await silenceAfterBurst(adapter, ROUNDS[size], report);
    }
  },
};

interface Rounds {
  readonly count: number;
  readonly killEvery: number;
}

/** A burst, then silence; in every so-manieth round the poster's worker dies at its ack. */
async function silenceAfterBurst(adapter: Adapter, rounds: Rounds, report: Report): Promise<void> {
  await using server = await openServer({
    adapter,
    workers: WORKERS,
    faults: FAULTS,
    args: ['--rate-posts', '0'],
  });
  const url = server.urls[0] ?? '';
  const [host] = server.hosts;
  const worst: number[] = [];
  let kills = 0;
  for (let round = 0; round < rounds.count; round += 1) {
    const room = fresh('burst');
    const poster = await ChatClient.connect(url, { user: fresh('p'), reconnects: true });
    const members = await Promise.all(
      Array.from({ length: 4 }, () => ChatClient.connect(url, { user: fresh('m'), reconnects: true })),
    );
    for (const client of [poster, ...members]) await client.join(room);
    const posts = 1 + (round % 5);
    let last = 0;
    for (let i = 0; i < posts; i += 1) last = (await poster.postSurely(room, `${i}`)).seq;
    const began = performance.now();
    const isKill = (round + 1) % rounds.killEvery === 0;
    if (isKill) {
      // The acknowledgement has come; the publish may still be on its way, or delayed by the faults.
      killWorkerNamed(poster.welcome.server.node);
      kills += 1;
    }
    const late = await Promise.allSettled(members.map((client) => client.reach(room, last, 10_000)));
    const ms = performance.now() - began;
    worst.push(ms);
    report.claim(
      `${adapter}: round ${round} arrives`,
      late.every(({ status }) => status === 'fulfilled'),
    );
    report.claim(`${adapter}: round ${round} within 3 s`, ms < BOUND_MS, `${Math.round(ms)} ms`);
    for (const client of [poster, ...members]) {
      report.same(`${adapter}: round ${round}: no hole, no repeat`, client.follower.faults, []);
      client.close();
    }
    if (isKill) await allServe(url, host);
  }
  worst.sort((a, b) => a - b);
  report.figure(`${adapter}: bursts followed by silence`, rounds.count);
  report.figure(`${adapter}: of them with the poster's worker killed at its ack`, kills);
  report.figure(`${adapter}: last message after ms, p50`, worst[Math.floor(worst.length / 2)] ?? 0);
  report.figure(`${adapter}: last message after ms, worst`, worst.at(-1) ?? 0);
}

/** kill -9 of the worker that `welcome` named: `<host>:<slot>:<pid>`. */
function killWorkerNamed(node: string): void {
  process.kill(Number(node.split(':').at(-1)), 'SIGKILL');
}

/** Each of the workers welcomes somebody: who connects goes to the one with the fewest. */
async function allServe(url: string, host: RunningServer | undefined): Promise<void> {
  const end = performance.now() + 20_000;
  for (;;) {
    const clients = await Promise.all(
      Array.from({ length: WORKERS }, () => ChatClient.connect(url, { user: fresh('w'), reconnects: true })),
    );
    const nodes = new Set(clients.map(({ welcome }) => welcome.server.node));
    for (const client of clients) client.close();
    if (nodes.size === WORKERS) return;
    if (performance.now() > end) throw new Error(`${host?.workers().length ?? 0} workers came back in 20 s`);
    await pause(100);
  }
}
