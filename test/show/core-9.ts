/** The front of the real server: a burst of clients, all welcomed and spread; slow-loris sockets beside them. */
import { connect, type Socket as TcpSocket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import WebSocket from 'ws';
import { ADAPTERS } from './core-3.ts';
import { openServer } from '../support/server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

const SIZES = {
  short: { clients: 300, loris: 150 },
  long: { clients: 2_000, loris: 1_000 },
} as const;
const WORKERS = 4;

export const core9: Scenario = {
  id: 'core-9',
  title: 'the front: a burst of clients among slow-loris sockets',
  shortS: 90,
  async run(size, report) {
    for (const adapter of ADAPTERS) await burst(adapter, SIZES[size], report);
  },
};

async function burst(
  adapter: Adapter,
  { clients, loris }: (typeof SIZES)['short' | 'long'],
  report: Report,
): Promise<void> {
  await using server = await openServer({ adapter, workers: WORKERS, args: ['--rate-posts', '0'] });
  const url = new URL(server.urls[0] ?? '');
  const slow = Array.from({ length: loris }, () => creep(url));
  await pause(200);
  const began = performance.now();
  const nodes = await Promise.all(Array.from({ length: clients }, (_, i) => welcomeOf(url, `u${i}`)));
  const seconds = (performance.now() - began) / 1_000;
  const byNode = new Map<string, number>();
  for (const { node } of nodes) byNode.set(node, (byNode.get(node) ?? 0) + 1);
  const counts = [...byNode.values()].toSorted((a, b) => a - b);
  const [least = 0] = counts;
  const most = counts.at(-1) ?? 0;
  report.figure(`${adapter}: clients at once, all welcomed`, nodes.filter(({ node }) => node !== '').length);
  report.figure(`${adapter}: seconds until the last welcome`, seconds);
  report.figure(`${adapter}: clients per worker`, counts.join(', '));
  report.claim(`${adapter}: all are welcomed`, !byNode.has(''), `${byNode.get('')} are not`);
  report.claim(
    `${adapter}: spread within 10 %`,
    counts.length === WORKERS && most - least <= 0.1 * (clients / WORKERS),
    counts.join(', '),
  );
  for (const { socket } of nodes) socket.terminate();
  await pause(11_000 - Math.min(10_000, performance.now() - began));
  const left = slow.filter((socket) => !socket.destroyed && socket.readyState === 'open').length;
  report.claim(
    `${adapter}: a slow head does not outlive its time`,
    left === 0,
    `${left} of ${loris} are still open`,
  );
  report.figure(`${adapter}: slow-loris sockets, all ended`, loris);
  for (const socket of slow) socket.destroy();
}

/** Sends a head a byte at a time and never ends it. */
function creep({ hostname, port }: URL): TcpSocket {
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.resume();
  const head = 'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nX-Slow: ';
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed) return clearInterval(timer);
    if (socket.writable) socket.write(head[at] ?? 'a');
    at += 1;
  }, 200);
  socket.on('close', () => clearInterval(timer));
  return socket;
}

/** The worker that welcomed; '' when none did within 30 s. */
function welcomeOf(url: URL, user: string): Promise<{ node: string; socket: WebSocket }> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://${url.host}/socket.io/?EIO=4&transport=websocket`);
    const timer = setTimeout(() => resolve({ node: '', socket }), 30_000);
    socket.on('open', () => socket.send(`40${JSON.stringify({ user })}`));
    socket.on('error', () => resolve({ node: '', socket }));
    socket.on('message', (data) => {
      const packet = (data as Buffer).toString();
      if (packet === '2') socket.send('3');
      if (!packet.startsWith('42["welcome"')) return;
      clearTimeout(timer);
      const [, welcome] = JSON.parse(packet.slice(2)) as [string, { server: { node: string } }];
      resolve({ node: welcome.server.node, socket });
    });
  });
}
