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

const sleep = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test('it is seen whether the lock is free, held, and wanted by another process', async () => {
  const seen: boolean[] = [];
  const look = () => seen.push(env.lock.isFree(), env.lock.isWanted());
  look();
  env.root.transactionSync(look);
  const posted = other.call('append', [{ room: ROOM, drafts: [] }]);
  env.root.transactionSync(() => {
    sleep(500);
    look();
  });
  await posted;
  look();
  expect(seen).toEqual([true, false, false, false, false, true, true, false]);
});

test('while it is free a step has run and is committed when `run` returns', async () => {
  const queue = new WriteQueue(env, () => {});
  let order: string[] = [];
  const wrote = queue.run(() => {
    void env.probe.put('key', 'value');
    order.push('step');
  });
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
  const posted = other.call('append', [{ room: ROOM, drafts: [] }]);
  await queue.run(() => sleep(500));
  let hasRun = false;
  const wrote = queue.run(() => {
    hasRun = true;
  });
  expect(hasRun).toBe(false);
  await Promise.all([posted, wrote]);
  expect(hasRun).toBe(true);
});
