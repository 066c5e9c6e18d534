/**
 * LMDB that begins no transaction any more. A disk that refuses one page and nothing else cannot
 * be had in a test; what lmdb-js 3.5 does then was seen with a shim around pwrite(2) and is played.
 */
import { expect, test } from 'vitest';
import { ChatError } from '../../src/protocol/errors.ts';
import { isPanic } from '../../src/store/lmdb/panic.ts';
import { play } from './played-lmdb.ts';

test('G11: after a page that the disk refused it is seen at once whether LMDB begins another', async () => {
  const { played, queue, panics } = play();
  played.failure = new Error('Input/output error');
  await expect(queue.run(() => {})).rejects.toMatchObject({ name: 'StoreUnavailable' });
  expect(panics).toMatchObject([
    { name: 'CannotBegin', message: expect.stringContaining('Input/output error') },
  ]);
});

test('a commit that failed without harm to LMDB is no panic', async () => {
  const { played, queue, panics } = play();
  played.ends = false;
  played.failure = new Error('No space left on device');
  Object.defineProperty(played, 'number', { get: () => 1, set: () => {} });
  await expect(queue.run(() => {})).rejects.toThrow('No space left on device');
  expect(panics).toEqual([]);
});

test('G11: a transaction that did not begin writes nothing and is a panic', async () => {
  const { played, queue, panics } = play();
  played.number = 0;
  let hasRun = false;
  const run = queue.run(() => {
    hasRun = true;
  });
  await expect(run).rejects.toMatchObject({ name: 'StoreUnavailable' });
  expect(hasRun).toBe(false);
  expect(panics.map(isPanic)).toEqual([true]);
});

test('while a flush keeps waiting, commits are not made on the event loop', async () => {
  const { played, queue } = play();
  await queue.run(() => {});
  played.isStalled = true;
  await queue.run(() => {});
  played.isStalled = false;
  await queue.run(() => {});
  expect(played.ways).toEqual(['at once', 'by a thread', 'at once']);
});

/** What lmdb-js throws when it undid a transaction of itself. */
function undone(code: number): Error {
  const commitError = Promise.reject(Object.assign(new Error('MDB_BAD_TXN'), { code }));
  commitError.catch(() => {});
  return Object.assign(new Error('Commit failed (see commitError for details)'), { commitError });
}

test.each([
  ['MDB_BAD_TXN', -30_782],
  ['MDB_NOTFOUND', -30_798],
  ['MDB_BAD_VALSIZE', -30_781],
])('what LMDB undid of itself (%s) is done again, refusals too', async (_name, code) => {
  const { played, queue, panics } = play();
  let runs = 0;
  played.ends = false;
  played.failure = undone(code);
  const refused = queue.run(() => {
    runs += 1;
    if (runs === 1) throw new ChatError('forbidden', 'the first time');
    played.failure = undefined;
    return runs;
  });
  const other = queue.run(() => runs);
  expect(await Promise.all([refused, other])).toEqual([2, 2]);
  expect(panics).toEqual([]);
});

test('but not for ever', async () => {
  const { played, queue } = play();
  played.ends = false;
  played.failure = undone(-30_798);
  await expect(queue.run(() => {})).rejects.toMatchObject({ name: 'StoreUnavailable' });
  expect(played.ways.filter((way) => way === 'at once').length).toBeLessThan(20);
});

test('what failed otherwise is not tried again', async () => {
  const { played, queue } = play();
  let runs = 0;
  played.ends = false;
  played.failure = new Error('No space left on device');
  await expect(
    queue.run(() => {
      runs += 1;
    }),
  ).rejects.toMatchObject({ name: 'StoreUnavailable' });
  expect(runs).toBe(1);
});
