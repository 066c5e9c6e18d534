/** When a commit counts as durable (G4): not before the flush that began after it. */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Scene } from '../contract/store-scene.ts';
import { claimDataDir } from '../../src/store/lmdb/data-dir.ts';
import { openEnvironment } from '../../src/store/lmdb/environment.ts';
import type { Sync } from '../../src/store/lmdb/flusher.ts';
import { LmdbStore } from '../../src/store/lmdb/lmdb-store.ts';
import { makeDir, openLmdb, type OpenedLmdb } from './lmdb-opened.ts';

interface Flush {
  end(): void;
  fail(): void;
}

let opened: OpenedLmdb;
let scene: Scene;
/** Those that run, in the order of their begin. */
let flushes: Flush[] = [];
let isHeld: 'data' | 'record' | undefined;

const sync: Sync = (_fd, what) =>
  new Promise((end, reject) => {
    if (isHeld !== what) return end();
    flushes.push({ end, fail: () => reject(new Error('EIO: i/o error, fdatasync')) });
  });

beforeEach(async () => {
  flushes = [];
  isHeld = undefined;
  opened = await openLmdb({ sync });
  scene = new Scene(opened);
});
afterEach(async () => {
  isHeld = undefined;
  for (const { end } of flushes) end();
  await opened.close();
});

const begun = (count: number) => vi.waitFor(() => expect(flushes).toHaveLength(count));

/** Settled or not, after everything that could settle it has had its turn. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  const state = promise.then(
    () => 'resolved',
    () => 'rejected',
  );
  return Promise.race([state, new Promise<string>((done) => setTimeout(done, 50, 'pending'))]);
}

test('a commit is handed on before its flush, and answered after it', async () => {
  const room = await scene.roomOf('ada');
  isHeld = 'data';
  const commit = await scene.store.append([{ room, drafts: [scene.draft('ada', 'hello')] }]);
  expect(commit.rooms).toHaveLength(1);
  expect((await scene.log(room)).entries).toHaveLength(1);
  expect(await stateOf(commit.durable)).toBe('pending');
  await begun(1);
  flushes[0]?.end();
  expect(await commit.durable).toBe('disk');
});

test('what is committed while a flush runs waits for the next one, all of it for the same', async () => {
  const room = await scene.roomOf('ada');
  isHeld = 'data';
  const post = () => scene.store.append([{ room, drafts: [scene.draft('ada', 'x')] }]);
  const first = await post();
  await begun(1);
  const later = [await post(), await post()];
  flushes[0]?.end();
  expect(await first.durable).toBe('disk');
  await begun(2);
  for (const { durable } of later) expect(await stateOf(durable)).toBe('pending');
  flushes[1]?.end();
  for (const { durable } of later) expect(await durable).toBe('disk');
  expect(flushes).toHaveLength(2);
});

test('every other write is answered after its flush', async () => {
  const room = await scene.roomOf('ada');
  isHeld = 'data';
  const joining = scene.join(room, 'bob');
  await begun(1);
  expect(await stateOf(joining)).toBe('pending');
  flushes[0]?.end();
  expect(await joining).toMatchObject({ isNew: true });
});

test('a retry is answered no sooner than its first try is on the disk', async () => {
  const room = await scene.roomOf('ada');
  const drafts = [scene.draft('ada', 'hello')];
  isHeld = 'data';
  const first = await scene.store.append([{ room, drafts }]);
  const retry = await scene.store.append([{ room, drafts }]);
  expect(await stateOf(retry.durable)).toBe('pending');
  isHeld = undefined;
  flushes[0]?.end();
  expect(await first.durable).toBe('disk');
  expect(await retry.durable).toBe('disk');
});

test('a commit is not answered before it is recorded what was flushed', async () => {
  const room = await scene.roomOf('ada');
  isHeld = 'record';
  const { durable } = await scene.store.append([{ room, drafts: [scene.draft('ada', 'hello')] }]);
  await begun(1);
  expect(await stateOf(durable)).toBe('pending');
  flushes[0]?.end();
  expect(await durable).toBe('disk');
});

test('where it cannot be recorded a commit is refused, and the next one is as good as any', async () => {
  const room = await scene.roomOf('ada');
  const draft = scene.draft('ada', 'hello');
  isHeld = 'record';
  const { durable } = await scene.store.append([{ room, drafts: [draft] }]);
  await begun(1);
  flushes[0]?.fail();
  await expect(durable).rejects.toMatchObject({ name: 'StoreUnavailable' });
  isHeld = undefined;
  const retry = await scene.append(room, [draft]);
  expect(retry.results).toMatchObject([{ ok: true, seq: 1, duplicate: true }]);
});

test('after a flush that failed nothing is stored, until a start goes back to what was flushed', async () => {
  const room = await scene.roomOf('ada');
  const [first] = await scene.post(room, 'ada', 'first');
  isHeld = 'data';
  const lost = scene.draft('ada', 'lost');
  const commit = await scene.store.append([{ room, drafts: [lost] }]);
  await begun(1);
  const later = await scene.store.append([{ room, drafts: [scene.draft('ada', 'later')] }]);
  flushes[0]?.fail();
  await expect(commit.durable).rejects.toMatchObject({
    name: 'StoreUnavailable',
    message: expect.stringContaining('EIO'),
  });
  // Linux takes what it could not write for written: that this flush succeeds proves nothing.
  isHeld = undefined;
  await expect(later.durable).rejects.toThrow(/refused a flush/);
  await expect(scene.append(room, [lost])).rejects.toThrow(/start.*again/);
  await expect(scene.store.ping()).rejects.toThrow(/EIO/);
  expect((await scene.log(room)).entries).toHaveLength(3);

  await scene.store.close();
  await expect(LmdbStore.open(opened.dir, { boot: 'boot-1' })).rejects.toThrow(/start the server again/);
  const claim = await claimDataDir(opened.dir, 'boot-1');
  expect(claim.recovered).toBe('failure');
  await claim.release();
  await opened.newLife();
  const { entries } = await scene.log(room);
  expect(entries.map(({ seq }) => seq)).toEqual([1]);
  const retry = await scene.append(room, [lost]);
  expect(retry.results).toMatchObject([{ ok: true, seq: 2, duplicate: false }]);
  expect(await scene.epoch(room)).not.toBe(first?.epoch);
  expect(await readdir(opened.dir)).not.toContain('flush-failed');
});

test('what a process recorded that is dead stays until its successor has recorded something newer', async () => {
  const records = async () => (await readdir(opened.dir)).filter((name) => name.startsWith('flushed-'));
  await scene.roomOf('ada');
  const [dead] = await records();
  await scene.store.close();
  isHeld = 'data';
  const opening = LmdbStore.open(opened.dir, { boot: 'boot-1', sync });
  await begun(1);
  expect(await records()).toContain(dead);
  isHeld = undefined;
  flushes[0]?.end();
  await using _store = await opening;
  const left = await records();
  expect(left).toHaveLength(1);
  expect(left).not.toContain(dead);
});

test('from the moment that the data is open its snapshot is pinned, however fast the disk', async () => {
  const dir = await makeDir();
  for (let i = 0; i < 5; i += 1) {
    const env = await openEnvironment(dir, { sync: async () => {} });
    const readers = env.root.readerList();
    expect(readers).toMatch(new RegExp(`^ *${process.pid} \\S+ \\d+$`, 'm'));
    await env.flusher.close();
    await env.root.close();
  }
  await rm(dir, { recursive: true });
});

test('a worker that opened the data beside a flush that failed records nothing', async () => {
  const room = await scene.roomOf('ada');
  await writeFile(join(opened.dir, 'flush-failed'), 'EIO');
  const { durable } = await scene.store.append([{ room, drafts: [scene.draft('ada', 'hello')] }]);
  await expect(durable).rejects.toThrow(/refused a flush/);
});

test('closing waits for the flush that runs', async () => {
  const room = await scene.roomOf('ada');
  isHeld = 'data';
  const commit = await scene.store.append([{ room, drafts: [scene.draft('ada', 'last')] }]);
  const closing = scene.store.close();
  expect(await stateOf(closing)).toBe('pending');
  flushes[0]?.end();
  await closing;
  expect(await commit.durable).toBe('disk');
});

test('closing while a commit is made waits for that commit’s flush', async () => {
  const room = await scene.roomOf('ada');
  const committing = scene.store.append([{ room, drafts: [scene.draft('ada', 'last')] }]);
  const closing = scene.store.close();
  isHeld = 'data';
  const commit = await committing;
  expect(await stateOf(closing)).toBe('pending');
  flushes[0]?.end();
  await closing;
  expect(await commit.durable).toBe('disk');
});

test('commits that come one by one share a flush; many posts, or an end, do not wait for more', async () => {
  await opened.close();
  let count = 0;
  const counted: Sync = async (_fd, what) => {
    if (what === 'data') count += 1;
  };
  opened = await openLmdb({ sync: counted, apartMs: 600_000 });
  scene = new Scene(opened);
  // The opening was a flush: from here on the next is far away.
  const before = count;
  const joining = scene.store.join(scene.room(), 'ada', {
    name: 'ada',
    create: { kind: 'public', title: '', role: 'member' },
    maxRoomsPerUser: 10,
  });
  expect(await stateOf(joining)).toBe('pending');
  const post = (posts: number) =>
    scene.store.append([
      { room: scene.room(), drafts: Array.from({ length: posts }, () => scene.draft('ada', 'x')) },
    ]);
  const few = await post(2);
  expect(await stateOf(few.durable)).toBe('pending');
  expect(count).toBe(before);
  const many = await post(40);
  await Promise.all([joining, few.durable, many.durable]);
  expect(count).toBe(before + 1);
  const last = await post(1);
  await scene.store.close();
  expect(await last.durable).toBe('disk');
  expect(count).toBe(before + 2);
});

test('what is no post waits longer, but no post waits for it', async () => {
  await opened.close();
  opened = await openLmdb({ sync, apartMs: 20, patientMs: 600_000 });
  scene = new Scene(opened);
  const room = scene.room();
  const join = { name: 'ada', create: { kind: 'public', title: '', role: 'member' } } as const;
  const joining = scene.store.join(room, 'ada', { ...join, maxRoomsPerUser: 10 });
  await new Promise((done) => setTimeout(done, 60));
  expect(await stateOf(joining)).toBe('pending');
  const commit = await scene.store.append([{ room, drafts: [scene.draft('ada', 'hello')] }]);
  await Promise.all([joining, commit.durable]);
});

test('an end does not wait for more behind a flush that runs either', async () => {
  await opened.close();
  opened = await openLmdb({ sync, apartMs: 600_000 });
  scene = new Scene(opened);
  const room = scene.room();
  const join = { name: 'ada', create: { kind: 'public', title: '', role: 'member' } } as const;
  const joining = scene.store.join(room, 'ada', { ...join, maxRoomsPerUser: 10 });
  isHeld = 'data';
  const many = Array.from({ length: 40 }, () => scene.draft('ada', 'x'));
  await new Promise((done) => setTimeout(done, 20));
  await scene.store.append([{ room, drafts: many }]);
  await begun(1);
  const last = await scene.store.append([{ room, drafts: [scene.draft('ada', 'last')] }]);
  const closing = scene.store.close();
  isHeld = undefined;
  flushes[0]?.end();
  await Promise.all([joining, closing]);
  expect(await last.durable).toBe('disk');
});

test('after a pause the first commit is flushed at once', async () => {
  await opened.close();
  opened = await openLmdb({ sync, apartMs: 100 });
  scene = new Scene(opened);
  const room = await scene.roomOf('ada');
  await new Promise((done) => setTimeout(done, 120));
  isHeld = 'data';
  await scene.store.append([{ room, drafts: [scene.draft('ada', 'hello')] }]);
  await new Promise((done) => setImmediate(done));
  expect(flushes).toHaveLength(1);
});
