/** Offline: devices with random cuts on both transports, kills, `delivered` late, never or twice. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Message } from '../../src/protocol/words.ts';
import { ChatClient, fresh } from '../support/client.ts';
import { killWorkerOf } from '../support/kill-worker.ts';
import { ADAPTERS } from './core-3.ts';
import { openServer, type ServerHandle } from '../support/server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

const SIZES = {
  short: { rounds: 8, backlog: 5_000 },
  long: { rounds: 60, backlog: 100_000 },
} as const;
const MB = 1_048_576;

export const core10: Scenario = {
  id: 'core-10',
  title: 'offline devices',
  shortS: 180,
  async run(size, report) {
    for (const adapter of ADAPTERS) {
      await devices(adapter, SIZES[size].rounds, report);
      await backlog(adapter, SIZES[size].backlog, report);
    }
  },
};

/** One device over many connections: what it was handed, and whether it says so. */
interface Device {
  readonly name: string;
  readonly got: Map<string, Set<number>>;
  /** Keeps positions itself (each message once), or relies on the cursor. */
  readonly keepsPositions: boolean;
  positions: Record<string, { epoch: string; seq: number }>;
  repeats: number;
}

async function devices(adapter: Adapter, rounds: number, report: Report): Promise<void> {
  await using server = await openServer({ adapter, workers: 3, args: ['--rate-posts', '0'] });
  const user = fresh('bob');
  const rooms = [fresh('room'), fresh('room'), fresh('room')];
  const ada = await ChatClient.connect(server.urls[0] ?? '', { user: fresh('ada'), reconnects: true });
  for (const room of rooms) await ada.join(room);
  const all: Device[] = ['phone', 'tablet', 'laptop'].map((name, i) => ({
    name,
    got: new Map(),
    keepsPositions: i === 1,
    positions: {},
    repeats: 0,
  }));
  // All are known before anything is posted; the first room is joined, the others on the way.
  for (const device of all)
    await visitSurely(server, user, device, async (client) => void (await client.join(rooms[0] ?? '')));
  let posted = 0;
  for (let round = 0; round < rounds; round += 1) {
    if (round === 2 || round === 4) {
      const room = rooms[round / 2] ?? '';
      const [, tablet] = all;
      if (tablet !== undefined)
        await visit(server, user, tablet, async (client) => void (await client.join(room)));
    }
    const visits = all
      .filter(() => Math.random() < 0.6)
      .map((device) => visit(server, user, device, (client) => behave(client, device)));
    for (let i = 0; i < 15; i += 1) {
      await ada.postSurely(rooms[i % rooms.length] ?? '', `${round}:${i}`);
      posted += 1;
    }
    if (round % 4 === 3 && server.hosts[0] !== undefined) await killWorkerOf(server.hosts[0]);
    await Promise.all(visits);
  }
  const reader = await ChatClient.connect(server.urls[0] ?? '', {
    user,
    subscribe: false,
    reconnects: true,
  });
  for (const device of all) {
    await visitSurely(server, user, device, async (client) => {
      for (const state of client.welcome.rooms) await client.reach(state.room, state.head, 20_000);
    });
    for (const [index, room] of rooms.entries()) {
      const texts = await reader.log(room);
      const expected = index === 0 ? texts : texts.filter(({ seq }) => seq > (startOf.get(room) ?? 0));
      const got = device.got.get(room) ?? new Set();
      const missing = expected.filter(({ seq }) => !got.has(seq));
      report.claim(
        `${adapter}: ${device.name} has all of room ${index}`,
        missing.length === 0,
        `${missing.length} of ${expected.length} missing, first ${missing[0]?.seq}`,
      );
    }
    if (device.keepsPositions)
      report.same(`${adapter}: with positions no seq comes twice`, device.repeats, 0);
  }
  reader.close();
  ada.close();
  report.figure(`${adapter}: posts to three devices with random cuts`, posted);
  report.figure(
    `${adapter}: repeats to devices that rely on the cursor`,
    all.reduce((sum, device) => sum + device.repeats, 0),
  );
}

/** Where the user became a member, by room. */
const startOf = new Map<string, number>();

async function visit(
  server: ServerHandle,
  user: string,
  device: Device,
  act: (client: ChatClient) => Promise<void>,
): Promise<void> {
  const transports = Math.random() < 0.3 ? (['polling'] as const) : (['websocket'] as const);
  const options = {
    user,
    device: device.name,
    transports: [...transports],
    ...(device.keepsPositions ? { positions: device.positions } : {}),
  };
  let client: ChatClient;
  try {
    client = await ChatClient.connect(server.urls[0] ?? '', options);
  } catch {
    // Its worker was killed on the way in; the next visit makes up for it.
    return;
  }
  client.socket.on('messages', ({ room, messages }: { room: string; messages: Message[] }) => {
    const got = device.got.get(room) ?? new Set<number>();
    device.got.set(room, got);
    for (const { seq } of messages) {
      if (got.has(seq)) device.repeats += 1;
      got.add(seq);
    }
  });
  for (const [room, all] of client.follower.messages) {
    const got = device.got.get(room) ?? new Set<number>();
    device.got.set(room, got);
    for (const { seq } of all) {
      if (got.has(seq)) device.repeats += 1;
      got.add(seq);
    }
  }
  try {
    await act(client);
  } catch {
    // Cut in the middle, as the scenario wants.
  }
  for (const room of client.welcome.rooms)
    if (room.from !== undefined && !startOf.has(room.room)) startOf.set(room.room, room.from.seq);
  device.positions = { ...device.positions, ...client.follower.positions() };
  client.close();
}

/** A visit that must come about: again until it has. */
async function visitSurely(
  server: ServerHandle,
  user: string,
  device: Device,
  act: (client: ChatClient) => Promise<void>,
): Promise<void> {
  let isDone = false;
  for (let attempt = 0; !isDone && attempt < 20; attempt += 1) {
    await visit(server, user, device, async (client) => {
      await act(client);
      isDone = true;
    });
  }
}

/** Reads for a moment; says `delivered` truly, twice, falsely late, or not at all; maybe is cut. */
async function behave(client: ChatClient, device: Device): Promise<void> {
  await pause(Math.random() * 150);
  const positions = client.follower.positions();
  const chance = Math.random();
  if (!device.keepsPositions && chance < 0.5) await client.request('delivered', { positions });
  if (!device.keepsPositions && chance < 0.1) await client.request('delivered', { positions });
  if (chance > 0.8) client.drop();
}

/** A long backlog comes in pages; the worker that reads it hardly grows. */
async function backlog(adapter: Adapter, count: number, report: Report): Promise<void> {
  await using server = await openServer({
    adapter,
    workers: 1,
    args: ['--rate-posts', '0', '--max-outstanding', '100000'],
  });
  const url = server.urls[0] ?? '';
  const room = fresh('backlog');
  const bob = await ChatClient.connect(url, { user: 'bob', device: 'phone' });
  await bob.join(room);
  bob.close();
  const ada = await ChatClient.connect(url, { user: 'ada', subscribe: false });
  await ada.join(room);
  for (let at = 0; at < count; at += 1_000)
    await Promise.all(
      Array.from({ length: Math.min(1_000, count - at) }, (_, i) =>
        ada.post(room, `message ${at + i} `.padEnd(60, '.')),
      ),
    );
  ada.close();
  const [pid] = server.hosts[0]?.workers() ?? [];
  const before = residentBytes(pid);
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, residentBytes(pid));
  }, 20);
  const began = performance.now();
  const again = await ChatClient.connect(url, { user: 'bob', device: 'phone' });
  await again.reach(room, count, 120_000);
  clearInterval(watch);
  const grown = (most - before) / MB;
  report.figure(`${adapter}: backlog of messages read`, count);
  report.figure(`${adapter}: backlog: seconds`, (performance.now() - began) / 1_000);
  report.figure(`${adapter}: backlog: the worker grew by MB`, grown);
  report.claim(
    `${adapter}: a worker grows by less than 64 MB over a backlog`,
    grown < 64,
    `${grown.toFixed(1)} MB`,
  );
  report.same(`${adapter}: backlog: no hole`, again.follower.faults, []);
  again.close();
}

/** A process's own memory. The pages of the store's file that it has mapped are the kernel's cache. */
export function residentBytes(pid: number | undefined): number {
  const match = /RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1_024;
}
