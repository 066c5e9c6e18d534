import { expect, test } from 'vitest';
import { ClientChecker, LogChecker, Stream } from '../../src/bench/checker.ts';
import type { Delivery } from '../../src/bench/delivery.ts';

const CLEAN = { reordered: 0, holes: 0, repeats: 0, losses: 0 };

function streamOf(...numbers: number[]): Stream {
  const stream = new Stream(0);
  for (const number of numbers) stream.take(number);
  return stream;
}

/** A delivery of one sender's posts with these seqs. */
function delivery(...seqs: number[]): Delivery {
  const posts = seqs.map((seq) => ({ seq, sender: 1, number: seq, dueMicros: 0 }));
  return {
    posts,
    isDense: seqs.every((seq, i) => seq === (seqs[0] ?? 0) + i),
    groups: [],
    bySender: new Map(),
    bytes: 0,
  };
}

test('a dense stream has no faults', () => {
  expect(streamOf(1, 2, 3).faults(3)).toEqual(CLEAN);
});

test('what was jumped over and never came is a hole', () => {
  expect(streamOf(1, 4).faults(4)).toEqual({ ...CLEAN, holes: 2 });
});

test('what was jumped over and came later is an order error, and no hole', () => {
  expect(streamOf(1, 3, 2).faults(3)).toEqual({ ...CLEAN, reordered: 1 });
});

test('what came twice is a repeat', () => {
  expect(streamOf(1, 2, 2, 1).faults(2)).toEqual({ ...CLEAN, repeats: 2 });
});

test('what is missing at the end is a loss', () => {
  expect(streamOf(1, 2).faults(5)).toEqual({ ...CLEAN, losses: 3 });
});

test('a run that overlaps what came before counts each repeat', () => {
  const stream = streamOf(1, 2, 3);
  stream.takeRun(2, 5);
  expect(stream.faults(5)).toEqual({ ...CLEAN, repeats: 2 });
});

test('a client is judged from where its feed began', () => {
  const checker = new ClientChecker(10);
  checker.take(delivery(11, 12));
  expect(checker.faults({ head: 12, posted: new Map() })).toEqual(CLEAN);
  expect(checker.hasAll({ head: 13, posted: new Map() })).toBe(false);
});

test('one seq with two messages is a contradiction', () => {
  const log = new LogChecker();
  log.take(delivery(1, 2));
  log.take({ ...delivery(2), posts: [{ seq: 2, sender: 7, number: 1, dueMicros: 0 }] });
  expect(log.contradictions).toBe(1);
});

test('a sender whose posts were stored in another order is found along the log', () => {
  const log = new LogChecker();
  log.take({
    ...delivery(1, 2),
    posts: [
      { seq: 1, sender: 1, number: 2, dueMicros: 0 },
      { seq: 2, sender: 1, number: 1, dueMicros: 0 },
    ],
  });
  expect(log.senderFaults(false)).toEqual({ ...CLEAN, reordered: 1 });
  expect(log.senderFaults(true)).toEqual(CLEAN);
});
