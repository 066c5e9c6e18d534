/** The load against a server whose every frame is known. */
import { expect, test } from 'vitest';
import { nowMicros } from '../../src/bench/clock.ts';
import { Load, type LoadResult, type Pressure } from '../../src/bench/load.ts';
import { type FakeMessage, type FakeServerOptions, startFakeServer } from './fake-server.ts';

const CLIENTS = 6;

interface Measured {
  readonly result: LoadResult;
  readonly sent: { readonly messages: number; readonly frames: number };
}

async function measure(
  options: FakeServerOptions,
  pressure: Pressure = { kind: 'outstanding', posts: 12 },
): Promise<Measured> {
  await using server = await startFakeServer(options);
  const load = await Load.connect({
    url: server.url,
    clients: CLIENTS,
    rooms: 2,
    roomPrefix: 'r',
    textBytes: 40,
    part: 0,
    parts: 1,
  });
  try {
    const beginMicros = nowMicros() + 50_000;
    // From the beginning and longer than the posting, so that everything is inside.
    const window = { fromMicros: beginMicros - 1e6, untilMicros: beginMicros + 300_000 };
    const result = await load.run({ pressure, beginMicros, window, quietMs: 300 });
    return { result, sent: { ...server.sent } };
  } finally {
    load.close();
  }
}

/** Changes what client 0 gets, once, when there are enough messages. */
function tamper(
  change: (messages: readonly FakeMessage[]) => FakeMessage[][],
  atLeast = 1,
): FakeServerOptions['deliver'] {
  let isDone = false;
  return (messages, client) => {
    // The first batch is left alone: a client that has had nothing could not notice a repeat.
    if (isDone || client !== 0 || messages.length < atLeast || (messages[0]?.seq ?? 0) < 2)
      return [[...messages]];
    isDone = true;
    return change(messages);
  };
}

test('counts every message and frame that the server sent', async () => {
  const { result, sent } = await measure({});
  expect(sent.messages).toBeGreaterThan(CLIENTS);
  expect(result.allDeliveries).toBe(sent.messages);
  expect(result.allAcks).toBe(result.allPosts);
  expect(result.faults).toEqual({ reordered: 0, holes: 0, repeats: 0, losses: 0 });
  expect(result.unanswered).toBe(0);
});

test('parses a frame once, however many clients of the room it reaches', async () => {
  const { result, sent } = await measure({});
  expect(result.parsedFrames).toBe((sent.frames * 2) / CLIENTS);
});

test('posts at the rate it was told, and counts latency from the time a post was due', async () => {
  const { result } = await measure({}, { kind: 'rate', postsPerSecond: 200 });
  // 300 ms of posting, the first at once.
  expect(result.allPosts).toBe(60);
  expect(result.faults).toEqual({ reordered: 0, holes: 0, repeats: 0, losses: 0 });
});

test('finds a message that one client of many did not get', async () => {
  const { result } = await measure({
    deliver: tamper((messages) => [messages.slice(1)]),
  });
  expect(result.faults).toMatchObject({ holes: 1, reordered: 0, repeats: 0, losses: 0 });
});

test('finds a batch that came twice', async () => {
  let size = 0;
  const { result } = await measure({
    deliver: tamper((messages) => {
      size = messages.length;
      return [[...messages], [...messages]];
    }),
  });
  expect(size).toBeGreaterThan(0);
  expect(result.faults).toMatchObject({ repeats: size, holes: 0, reordered: 0, losses: 0 });
});

test('finds two messages in the wrong order', async () => {
  const { result } = await measure({
    deliver: tamper(([first, second, ...rest]) => {
      if (first === undefined || second === undefined) throw new Error('too few messages');
      return [[second, first, ...rest]];
    }, 2),
  });
  expect(result.faults).toMatchObject({ reordered: 1, holes: 0, repeats: 0, losses: 0 });
});

test('finds what one client never got at the end', async () => {
  let isOver = false;
  const { result, sent } = await measure({
    deliver: (messages, client) => {
      isOver ||= client === 0 && (messages.at(-1)?.seq ?? 0) > 6;
      return isOver && client === 0 ? [] : [[...messages]];
    },
  });
  expect(result.faults.losses).toBeGreaterThan(0);
  expect(result.allDeliveries).toBe(sent.messages);
});

test('finds a seq that stands for another message at another client', async () => {
  const { result } = await measure({
    deliver: tamper(([first, second, ...rest]) => {
      if (first?.seq === undefined || second?.seq === undefined) throw new Error('too few messages');
      return [[{ ...second, seq: first.seq }, { ...first, seq: second.seq }, ...rest]];
    }, 2),
  });
  expect(result.contradictions).toBe(2);
});

test('without seqs, finds a hole and a repeat in what each sender posted', async () => {
  let turn = 0;
  const { result } = await measure({
    hasSeqs: false,
    deliver: (messages, client) => {
      if (client !== 0) return [[...messages]];
      turn += 1;
      if (turn === 3) return [messages.slice(1)];
      return turn === 5 ? [[...messages], messages.slice(0, 1)] : [[...messages]];
    },
  });
  expect(result.faults).toEqual({ reordered: 0, holes: 1, repeats: 1, losses: 0 });
});
