/** A write is made at once while LMDB's writer lock is free; else it waits off the event loop. */
import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { roomId } from '../../src/chat/identity.ts';
import { openEnvironment, type Environment } from '../../src/store/lmdb/environment.ts';
import { WriteQueue } from '../../src/store/lmdb/write-queue.ts';
import { makeDir } from './lmdb-opened.ts';
import { LmdbProcess } from './lmdb-process.ts';

const ROOM = roomId('/', 'room');

let dir = '';
let env: Environment;
let other: LmdbProcess;

beforeEach(async () => {
  dir = await makeDir();
  env = await openEnvironment(dir, { boot: 'boot-1' });
  other = await LmdbProcess.start(dir);
  await other.store.join(ROOM, 'ada', {
    name: '',
    create: { kind: 'public', title: '', role: 'member' },
    maxRoomsPerUser: 10,
  });
});
afterEach(async () => {
  await other.kill();
  await env.flusher.close();
  await env.root.close();
  await rm(dir, { recursive: true, force: true });
});

const URGENT = { isUrgent: true };
/** Blocks until another process waits for the lock; inside a transaction. */
function untilWanted(): void {
  const word = new Int32Array(new SharedArrayBuffer(4));
  for (let ms = 0; ms < 10_000 && !env.lock.isWanted(); ms += 5) Atomics.wait(word, 0, 0, 5);
}

test('it is seen whether the lock is free, held, and wanted by another process', async () => {
  const seen: boolean[] = [];
  const look = () => seen.push(env.lock.isFree(), env.lock.isWanted());
  look();
  env.root.transactionSync(look);
  const posted = other.call('appendLater', 200, [{ room: ROOM, drafts: [] }]);
  await pause(100);
  env.root.transactionSync(() => {
    untilWanted();
    look();
  });
  await posted;
  look();
  expect(seen).toEqual([true, false, false, false, false, true, true, false]);
});

test('while it is free an urgent step has run and is committed when `run` returns', async () => {
  const queue = new WriteQueue(env, () => {});
  const order: string[] = [];
  const wrote = queue.run(() => {
    void env.probe.put('key', 'value');
    order.push('step');
  }, URGENT);
  order.push('returned');
  expect(order).toEqual(['step', 'returned']);
  expect(env.lock.isFree()).toBe(true);
  expect(env.probe.get('key')).toBe('value');
  await wrote;
});

test('while another holds it a step waits, and the event loop goes on', async () => {
  const queue = new WriteQueue(env, () => {});
  const stopped = other.call('inside', 'SIGSTOP', ROOM, 'ada').catch(() => 'gone');
  while (env.lock.isFree()) await pause(5);
  await pause(50);
  let hasRun = false;
  const wrote = queue.run(() => {
    hasRun = true;
  });
  await pause(100);
  expect(hasRun).toBe(false);
  await other.kill();
  await wrote;
  expect([hasRun, await stopped]).toEqual([true, 'gone']);
});

test('whoever saw that another waits lets it write first', async () => {
  const queue = new WriteQueue(env, () => {});
  const posted = other.call('appendLater', 200, [{ room: ROOM, drafts: [] }]);
  await pause(100);
  await queue.run(untilWanted, URGENT);
  let hasRun = false;
  const wrote = queue.run(() => {
    hasRun = true;
  }, URGENT);
  expect(hasRun).toBe(false);
  await Promise.all([posted, wrote]);
  expect(hasRun).toBe(true);
});

test('what is asked for in one turn of the event loop is one transaction, and closing waits for it', async () => {
  const queue = new WriteQueue(env, () => {});
  const transactions = new Set<number>();
  const step = () => transactions.add(env.root.getWriteTxnId());
  const steps = [queue.run(step), queue.run(step), queue.run(step)];
  expect(transactions.size).toBe(0);
  await queue.close();
  expect(transactions.size).toBe(1);
  await Promise.all(steps);
});
