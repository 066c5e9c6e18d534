/** What a position means in a room's present life. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  epochBegan,
  epochName,
  isFurther,
  presentEpoch,
  retentionLoss,
  settle,
  validUpTo,
  type EpochMark,
  type LogExtent,
} from '../../src/chat/position.ts';

const MONDAY = Date.UTC(2026, 0, 5);
const HOUR_MS = 3_600_000;
/** The epoch that began `hour` hours after Monday. */
const at = (hour: number): string => epochName(MONDAY + hour * HOUR_MS, 'abc123');
const mark = (hour: number, base: number): EpochMark => ({ epoch: at(hour), base });

/** Three epochs: 1…10 in the first, 11…20 in the second (from which 6…10 were lost), then on. */
const CHAIN = [mark(0, 0), mark(10, 10), mark(20, 5), mark(30, 8)];
const LOG: LogExtent = { chain: CHAIN, head: 12, first: 1 };

describe('how far positions of an epoch hold', () => {
  test.each([
    ['the present epoch holds without end', at(30), Number.POSITIVE_INFINITY],
    ['the one before holds up to the present base', at(20), 8],
    ['an older one holds up to the lowest base after it', at(10), 5],
    ['the oldest does too', at(0), 5],
  ])('%s', (_, epoch, valid) => {
    expect(validUpTo(CHAIN, epoch)).toBe(valid);
  });

  test('an epoch that nobody knows holds up to the present base', () => {
    for (const epoch of ['', 'Unknown', 'no name of ours', '-', 'a-'])
      expect(validUpTo(CHAIN, epoch)).toBe(8);
  });

  test('an epoch of a lost branch holds up to the lowest base of what began after it', () => {
    expect(validUpTo(CHAIN, at(15))).toBe(5);
    expect(validUpTo(CHAIN, at(25))).toBe(8);
    expect(validUpTo(CHAIN, at(-5))).toBe(0);
  });

  test('an epoch that is younger than all of them holds up to the present base', () => {
    expect(validUpTo(CHAIN, at(99))).toBe(8);
  });
});

describe('bringing a position into the present epoch', () => {
  test('one in the present epoch stays where it is', () => {
    expect(settle(LOG, { epoch: at(30), seq: 9 })).toEqual({
      position: { epoch: at(30), seq: 9 },
      losses: [],
    });
  });

  test('one that holds is the same place in the present epoch', () => {
    expect(settle(LOG, { epoch: at(0), seq: 5 })).toEqual({
      position: { epoch: at(30), seq: 5 },
      losses: [],
    });
  });

  test('what lies above is lost, and it goes on after what holds', () => {
    const next = { epoch: at(30), seq: 5 };
    expect(settle(LOG, { epoch: at(0), seq: 7 })).toEqual({
      position: next,
      losses: [{ epoch: at(0), from: 6, to: 7, reason: 'epoch', next }],
    });
  });

  test('one above the head counts as the head', () => {
    expect(settle(LOG, { epoch: at(30), seq: 99 })).toEqual({
      position: { epoch: at(30), seq: 12 },
      losses: [],
    });
  });

  test('seq 0 needs no epoch and loses nothing, whatever retention took', () => {
    const trimmed = { ...LOG, first: 9 };
    expect(settle(trimmed, { epoch: '', seq: 0 })).toEqual({
      position: { epoch: at(30), seq: 8 },
      losses: [],
    });
  });

  test('what retention took is lost after what the epoch took', () => {
    const { position, losses } = settle({ ...LOG, first: 12 }, { epoch: at(0), seq: 7 });
    expect(position).toEqual({ epoch: at(30), seq: 11 });
    expect(losses).toEqual([
      { epoch: at(0), from: 6, to: 7, reason: 'epoch', next: { epoch: at(30), seq: 5 } },
      { epoch: at(30), from: 6, to: 11, reason: 'retention', next: { epoch: at(30), seq: 11 } },
    ]);
  });

  test('in an empty log everything goes on at its head', () => {
    const empty = { chain: [mark(0, 0)], head: 0, first: 1 };
    expect(settle(empty, { epoch: at(0), seq: 3 })).toEqual({
      position: { epoch: at(0), seq: 0 },
      losses: [],
    });
  });
});

describe('what retention took', () => {
  test.each([
    [3, { from: 4, to: 9 }],
    [8, { from: 9, to: 9 }],
    [9, undefined],
    [12, undefined],
  ])('after seq %i of a log that begins at 10', (seq, lost) => {
    const loss = retentionLoss({ ...LOG, first: 10 }, seq);
    expect(loss === undefined ? undefined : { from: loss.from, to: loss.to }).toEqual(lost);
  });
});

describe('which position is further', () => {
  test.each([
    ['a higher seq of one epoch', [30, 9], [30, 8], true],
    ['the same position', [30, 9], [30, 9], false],
    ['a lower seq of one epoch', [30, 8], [30, 9], false],
    ['a later epoch, with a lower seq', [20, 3], [10, 9], true],
    ['an earlier epoch, with a higher seq', [10, 9], [20, 3], false],
    ['an epoch that the room never had', [99, 50], [0, 1], false],
    ['any epoch against one that the room never had', [0, 1], [99, 50], true],
  ] as const)('%s', (_, [hourA, a], [hourB, b], further) => {
    expect(isFurther(CHAIN, { epoch: at(hourA), seq: a }, { epoch: at(hourB), seq: b })).toBe(further);
  });
});

test('an epoch’s name tells when it began, and nothing else has such a name', () => {
  expect(epochBegan(epochName(MONDAY, 'abc123'))).toBe(MONDAY);
  expect(epochBegan(epochName(MONDAY + 0.7, 'abc123'))).toBe(MONDAY);
  for (const name of ['', 'Unknown', 'a_b', 'nope-1', `${epochName(MONDAY, 'abc123')} `, '-abc'])
    expect(epochBegan(name)).toBeUndefined();
});

test('a room without an epoch is a fault', () => {
  expect(() => presentEpoch([])).toThrow('without an epoch');
});

/**
 * A room that loses its newest writes now and then, and a client that keeps what it was given.
 * `settle` must never leave the client with anything that is not in the log, nor make it miss
 * anything without saying so.
 */
test('after any lives, a client that goes on where `settle` says has exactly the log', () => {
  const life = fc.record({ posts: fc.integer({ min: 0, max: 8 }), lost: fc.integer({ min: 0, max: 10 }) });
  fc.assert(
    fc.property(
      fc.array(life, { minLength: 1, maxLength: 8 }),
      fc.nat(60),
      fc.nat(40),
      fc.nat(60),
      (lives, stopsAfter, readsUpTo, trims) => {
        const chain: EpochMark[] = [mark(0, 0)];
        let log: string[] = [];
        /** What the client has, and the position it keeps; it stops looking after some posts. */
        let has: string[] = [];
        let position = { epoch: at(0), seq: 0 };
        let posts = 0;
        for (const [i, { posts: count, lost }] of lives.entries()) {
          for (let n = 0; n < count; n += 1) {
            log.push(`${i}.${n}`);
            posts += 1;
            if (posts > stopsAfter) continue;
            has = log.slice(0, Math.max(0, log.length - readsUpTo));
            position = { epoch: presentEpoch(chain), seq: has.length };
          }
          log = log.slice(0, Math.max(0, log.length - lost));
          chain.push(mark(i + 1, log.length));
        }
        const first = Math.min(trims, log.length) + 1;
        const settled = settle({ chain, head: log.length, first }, position);

        // What was announced: void entries are dropped, jumped ones are known to be missing.
        const jumped = new Set<number>();
        let seq = position.seq;
        for (const loss of settled.losses) {
          expect(loss.to).toBeGreaterThanOrEqual(loss.from);
          if (loss.reason === 'epoch') {
            expect(loss).toMatchObject({ epoch: position.epoch, to: position.seq });
            has = has.slice(0, loss.from - 1);
          } else {
            expect(loss.from).toBe(seq + 1);
            for (let missing = loss.from; missing <= loss.to; missing += 1) jumped.add(missing);
          }
          seq = loss.next.seq;
        }
        // From seq 0 on it is everything that is retained, which no loss announces.
        if (position.seq === 0) for (let missing = 1; missing < first; missing += 1) jumped.add(missing);
        expect(settled.position.epoch).toBe(presentEpoch(chain));
        const given = new Map(has.map((entry, i) => [i + 1, entry]));
        for (let next = settled.position.seq + 1; next <= log.length; next += 1) {
          expect(given.has(next)).toBe(false);
          given.set(next, log[next - 1] ?? '');
        }
        for (let n = 1; n <= log.length; n += 1)
          expect([n, given.get(n)]).toEqual([n, jumped.has(n) ? undefined : log[n - 1]]);
        expect(given.size).toBe(log.length - jumped.size);
      },
    ),
    { numRuns: 2_000 },
  );
});
