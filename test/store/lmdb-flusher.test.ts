/** When a commit counts as durable (G4): not before the flush that began after it. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Scene } from '../contract/store-scene.ts';
import { openLmdb, type OpenedLmdb } from './lmdb-opened.ts';

interface Flush {
  end(): void;
  fail(): void;
}

let opened: OpenedLmdb;
let scene: Scene;
/** Those that run, in the order of their begin. */
let flushes: Flush[] = [];
let isHeld = false;

beforeEach(async () => {
  flushes = [];
  isHeld = false;
  opened = await openLmdb({
    sync: () =>
      new Promise((end, reject) => {
        if (isHeld) flushes.push({ end, fail: () => reject(new Error('EIO: i/o error, fdatasync')) });
        else end();
      }),
  });
  scene = new Scene(opened);
});
afterEach(async () => {
  isHeld = false;
  for (const { end } of flushes) end();
  await opened.close();
});

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
  isHeld = true;
  const commit = await scene.store.append([{ room, drafts: [scene.draft('ada', 'hello')] }]);
  expect(commit.rooms).toHaveLength(1);
  expect((await scene.log(room)).entries).toHaveLength(1);
  expect(await stateOf(commit.durable)).toBe('pending');
  flushes[0]?.end();
  expect(await commit.durable).toBe('disk');
});

test('what is committed while a flush runs waits for the next one, all of it for the same', async () => {
  const room = await scene.roomOf('ada');
  isHeld = true;
  const post = () => scene.store.append([{ room, drafts: [scene.draft('ada', 'x')] }]);
  const first = await post();
  const later = [await post(), await post()];
  flushes[0]?.end();
  expect(await first.durable).toBe('disk');
  await vi.waitFor(() => expect(flushes).toHaveLength(2));
  for (const { durable } of later) expect(await stateOf(durable)).toBe('pending');
  flushes[1]?.end();
  for (const { durable } of later) expect(await durable).toBe('disk');
  expect(flushes).toHaveLength(2);
});

test('every other write is answered after its flush', async () => {
  const room = await scene.roomOf('ada');
  isHeld = true;
  const joining = scene.join(room, 'bob');
  await vi.waitFor(() => expect(flushes).toHaveLength(1));
  expect(await stateOf(joining)).toBe('pending');
  flushes[0]?.end();
  expect(await joining).toMatchObject({ isNew: true });
});

test('a retry is answered after a flush of its own: its first try may never have been flushed', async () => {
  const room = await scene.roomOf('ada');
  const draft = scene.draft('ada', 'hello');
  await scene.append(room, [draft]);
  isHeld = true;
  const retry = await scene.store.append([{ room, drafts: [draft] }]);
  expect(await stateOf(retry.durable)).toBe('pending');
  flushes[0]?.end();
  expect(await retry.durable).toBe('disk');
});

test('after a flush that failed, a retry commits anew before it is answered', async () => {
  const room = await scene.roomOf('ada');
  const draft = scene.draft('ada', 'hello');
  const written = async () => (await stat(join(opened.dir, 'chat.mdb'), { bigint: true })).mtimeNs;
  isHeld = true;
  const commit = await scene.store.append([{ room, drafts: [draft] }]);
  flushes[0]?.fail();
  await expect(commit.durable).rejects.toMatchObject({
    name: 'StoreUnavailable',
    message: expect.stringContaining('EIO'),
  });
  isHeld = false;
  const before = await written();
  // The one that failed may have been on its way to the disk, and Linux will not try it again.
  const retry = await scene.append(room, [draft]);
  expect(retry.results).toMatchObject([{ ok: true, seq: 1, duplicate: true }]);
  const after = await written();
  expect(after).not.toBe(before);
  await scene.append(room, [draft]);
  expect(await written()).toBe(after);
});

test('what was committed while a flush failed is not answered by the next one that succeeds', async () => {
  const room = await scene.roomOf('ada');
  isHeld = true;
  const post = () => scene.store.append([{ room, drafts: [scene.draft('ada', 'x')] }]);
  const first = await post();
  const second = await post();
  flushes[0]?.fail();
  await expect(first.durable).rejects.toThrow(/EIO/);
  await vi.waitFor(() => expect(flushes).toHaveLength(2));
  flushes[1]?.end();
  await expect(second.durable).rejects.toThrow(/refused a flush meanwhile/);
  isHeld = false;
  expect(await (await post()).durable).toBe('disk');
});

test('closing waits for the flush that runs', async () => {
  const room = await scene.roomOf('ada');
  isHeld = true;
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
  isHeld = true;
  const commit = await committing;
  expect(await stateOf(closing)).toBe('pending');
  flushes[0]?.end();
  await closing;
  expect(await commit.durable).toBe('disk');
});
