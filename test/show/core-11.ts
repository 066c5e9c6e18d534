/** Slow and hostile: a client that never reads, and payloads that nobody should send. */
import fc from 'fast-check';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.ts';
import { requestSchemas } from '../../src/protocol/requests.ts';
import { ChatClient, fresh, until } from '../support/client.ts';
import { ADAPTERS } from './core-3.ts';
import { residentBytes } from './core-10.ts';
import { openServer, type ServerHandle } from '../support/server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';
import { SlowSocket } from './slow-socket.ts';

const SIZES = {
  short: { seconds: 6, perSecond: 500, payloads: 1_500 },
  long: { seconds: 60, perSecond: 2_000, payloads: 100_000 },
} as const;
const MB = 1_048_576;

export const core11: Scenario = {
  id: 'core-11',
  title: 'slow and hostile clients',
  shortS: 180,
  async run(size, report) {
    for (const adapter of ADAPTERS) {
      await neverReads(adapter, SIZES[size], report);
      await fuzz(adapter, SIZES[size].payloads, report);
    }
  },
};

async function neverReads(
  adapter: Adapter,
  { seconds, perSecond }: (typeof SIZES)['short' | 'long'],
  report: Report,
): Promise<void> {
  await using server = await openServer({
    adapter,
    workers: 1,
    args: ['--rate-posts', '0', '--ping-timeout', '300s'],
  });
  const url = server.urls[0] ?? '';
  const room = fresh('slow');
  const quick = await ChatClient.connect(url, { user: fresh('quick') });
  await quick.join(room);
  const slow = await SlowSocket.connect(url, fresh('slow'), room);
  const [pid] = server.hosts[0]?.workers() ?? [];
  // Warmed up first, so that the growth of a young process is not put on the slow one's account.
  await postFor(url, room, 3, perSecond);
  const before = residentBytes(pid);
  slow.stopReading();
  const { last, posted } = await postFor(url, room, seconds, perSecond);
  const grown = (residentBytes(pid) - before) / MB;
  await quick.reach(room, last, 10_000);
  const delays = quick.messages(room).slice(-posted).length;
  report.figure(`${adapter}: posts while one client did not read`, posted);
  report.figure(`${adapter}: the worker grew by MB meanwhile`, grown);
  report.claim(`${adapter}: it costs its worker less than 64 MB`, grown < 64, `${grown.toFixed(1)} MB`);
  report.claim(`${adapter}: nobody else is delayed`, delays === posted, `${delays} of ${posted}`);
  slow.read();
  await until(
    () => slow.lastSeq >= last || slow.isClosed,
    60_000,
    () => `the slow one is at ${slow.lastSeq} of ${last}`,
  );
  report.claim(
    `${adapter}: after it reads it has everything`,
    slow.lastSeq === last && slow.holes === 0,
    `${slow.lastSeq} of ${last}, ${slow.holes} holes, closed ${slow.isClosed}`,
  );
  slow.close();
  quick.close();
}

async function postFor(
  url: string,
  room: string,
  seconds: number,
  perSecond: number,
): Promise<{ last: number; posted: number }> {
  const poster = await ChatClient.connect(url, { user: fresh('poster'), subscribe: false });
  await poster.join(room);
  let last = 0;
  let posted = 0;
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    const due = performance.now() + 50;
    const replies = await Promise.all(
      Array.from({ length: perSecond / 20 }, () => poster.post(room, 'x'.repeat(200))),
    );
    posted += replies.length;
    last = Math.max(last, ...replies.map(({ seq }) => seq));
    await pause(Math.max(0, due - performance.now()));
  }
  poster.close();
  return { last, posted };
}

const REQUESTS = requestSchemas(DEFAULT_LIMITS);
const EVENTS = [...Object.keys(REQUESTS), 'error', '__proto__', 'constructor'];
/** Of all requests, so that some of what is sent almost fits. */
const KEYS = [
  ...new Set(Object.values(REQUESTS).flatMap(({ entries }) => Object.keys(entries))),
  '__proto__',
  'constructor',
  'toString',
];

const leaf = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('lobby', 'a b', '', 'dm:a:b', '💥'.repeat(50), '\u0000', '\ud800'),
  // What fits somewhere.
  fc.constantFrom('ada', 'm1', 'public', 'private', 'owner', 'member', 'away', '🍵', 1, 2, true),
);
const { value: anything } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    leaf,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('value'), { maxKeys: 6 }),
  ),
}));

/** What is no request, and what has the fields of one. */
const payload: fc.Arbitrary<[event: string, args: unknown[]]> = fc.oneof(
  fc.tuple(fc.constantFrom(...EVENTS), fc.array(anything, { maxLength: 3 })),
  fc
    .constantFrom(...Object.entries(REQUESTS))
    .chain(([name, { entries }]) =>
      fc
        .record(
          Object.fromEntries(
            Object.keys(entries).map((key) => [
              key,
              fc.oneof({ weight: 4, arbitrary: leaf }, { weight: 1, arbitrary: anything }),
            ]),
          ),
        )
        .map((object): [string, unknown[]] => [name, [object]]),
    ),
);

/** Every request is answered or its connection closed; no worker dies. */
async function fuzz(adapter: Adapter, payloads: number, report: Report): Promise<void> {
  await using server = await openServer({ adapter, workers: 2, args: ['--rate-posts', '0'] });
  const before = server.hosts[0]?.workers() ?? [];
  const seed = Date.now();
  const codes = new Map<string, number>();
  let unanswered = 0;
  const samples = fc.sample(payload, { numRuns: payloads, seed });
  const client = await ChatClient.connect(server.urls[0] ?? '', { user: fresh('fuzz'), reconnects: true });
  for (let at = 0; at < samples.length; at += 200) {
    await Promise.all(
      samples.slice(at, at + 200).map(async ([event, args]) => {
        const code = await answerOf(client, event, args);
        if (code === 'nothing') unanswered += 1;
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }),
    );
  }
  for (const text of RAW) await sendRaw(server, text);
  report.figure(`${adapter}: fuzzed payloads (seed ${seed})`, payloads);
  report.figure(`${adapter}: answers`, [...codes].map(([code, count]) => `${code} ${count}`).join(', '));
  report.claim(
    `${adapter}: every request was answered or its connection closed`,
    unanswered === 0,
    `${unanswered} were not`,
  );
  report.claim(`${adapter}: nothing was our fault`, !codes.has('internal'), `${codes.get('internal')} times`);
  report.same(`${adapter}: no worker died`, server.hosts[0]?.workers(), before);
  const check = await ChatClient.connect(server.urls[0] ?? '', { user: fresh('after') });
  check.close();
  client.close();
}

function answerOf(client: ChatClient, event: string, args: readonly unknown[]): Promise<string> {
  return new Promise((resolve) => {
    const onDisconnect = (): void => resolve('closed');
    client.socket.once('disconnect', onDisconnect);
    client.socket
      .timeout(10_000)
      .emit(event, ...args, (error: Error | null, reply: { ok: boolean; error?: { code: string } }) => {
        client.socket.off('disconnect', onDisconnect);
        resolve(
          error !== null
            ? client.socket.connected
              ? 'nothing'
              : 'closed'
            : reply.ok
              ? 'ok'
              : (reply.error?.code ?? 'no code'),
        );
      });
  });
}

/** What is no Socket.IO, and what is barely: each on a connection of its own. */
const RAW = [
  'GET / HTTP/1.1\r\n\r\n',
  'nonsense\r\n\r\n',
  'POST /socket.io/?EIO=4&transport=polling&sid=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n4{{{{',
  'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 3\r\n\r\nabc',
  'GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n',
  `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
];

async function sendRaw({ urls }: ServerHandle, text: string): Promise<void> {
  const { hostname, port } = new URL(urls[0] ?? '');
  await new Promise<void>((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.on('error', () => resolve()).on('close', () => resolve());
    socket.setTimeout(1_000, () => socket.destroy());
    socket.resume();
  });
}
