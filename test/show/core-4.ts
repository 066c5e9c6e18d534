/** A lossy adapter: order and once all the same, and the last message of a burst within 3 s. */
import { setTimeout as pause } from 'node:timers/promises';
import { ChatClient, fresh, until } from '../support/client.ts';
import { ADAPTERS, orderAndOnce, SIZES } from './core-3.ts';
import { openServer } from './server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

const FAULTS = 'adapter.drop=0.2,adapter.duplicate=0.1,adapter.reorder=0.1,adapter.delay=50';
const BOUND_MS = 3_000;

export const core4: Scenario = {
  id: 'core-4',
  title: 'a lossy adapter',
  shortS: 120,
  async run(size, report) {
    for (const adapter of ADAPTERS) {
      await orderAndOnce(adapter, SIZES[size], report, FAULTS);
      await silenceAfterBurst(adapter, size === 'long' ? 500 : 12, report);
    }
  },
};

/** Rounds in parallel rooms: a burst, then silence; in every tenth the poster's worker dies at its ack. */
async function silenceAfterBurst(adapter: Adapter, rounds: number, report: Report): Promise<void> {
  await using server = await openServer({ adapter, workers: 4, faults: FAULTS, args: ['--rate-posts', '0'] });
  const url = server.urls[0] ?? '';
  const [host] = server.hosts;
  const worst: number[] = [];
  let kills = 0;
  for (let round = 0; round < rounds; round += 1) {
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
    if (round % 10 === 5 && host !== undefined) {
      // The acknowledgement has come; the publish may still be on its way, or delayed by the faults.
      kills += killWorkerNamed(poster.welcome.server.node) ? 1 : 0;
      await pause(0);
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
    if (round % 10 === 5)
      await until(
        () => (host?.workers().length ?? 0) >= 4,
        15_000,
        () => 'workers did not come back',
      );
  }
  worst.sort((a, b) => a - b);
  report.figure(`${adapter}: bursts followed by silence`, rounds);
  report.figure(`${adapter}: of them with the poster's worker killed at its ack`, kills);
  report.figure(`${adapter}: last message after ms, p50`, worst[Math.floor(worst.length / 2)] ?? 0);
  report.figure(`${adapter}: last message after ms, worst`, worst.at(-1) ?? 0);
}

/** kill -9 of the worker that `welcome` named: `<host>:<slot>:<pid>`. */
function killWorkerNamed(node: string): boolean {
  const pid = Number(node.split(':').at(-1));
  process.kill(pid, 'SIGKILL');
  return true;
}
