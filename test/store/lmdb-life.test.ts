/** The life of LMDB's data (G12): what begins a new one, and a directory that is lost. */
import { copyFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { draft } from '../../src/chat/entry.ts';
import { roomId } from '../../src/chat/identity.ts';
import { claimDataDir, markRestored } from '../../src/store/lmdb/data-dir.ts';
import { LmdbStore } from '../../src/store/lmdb/lmdb-store.ts';
import { makeDir } from './lmdb-opened.ts';

const ROOM = roomId('/', 'room');

let dir = '';
beforeEach(async () => {
  dir = await makeDir();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Opens, posts one message, closes; how many epochs the room has then. */
async function live(boot?: string): Promise<number> {
  await using store = await LmdbStore.open(dir, { boot });
  const create = { kind: 'public', title: '', role: 'member' } as const;
  await store.join(ROOM, 'ada', { name: 'Ada', create, maxRoomsPerUser: 10 });
  await store.append([
    { room: ROOM, drafts: [draft('ada', `${performance.now()}`, 'text', { text: 'hi' })] },
  ]);
  const [view] = await store.views('ada', undefined, [ROOM]);
  return view?.info.chain.length ?? 0;
}

test('a restart of the server alone begins no new life', async () => {
  expect([await live(), await live(), await live()]).toEqual([1, 1, 1]);
});

test('another boot of the machine begins a new life', async () => {
  expect([await live('monday'), await live('monday'), await live('tuesday')]).toEqual([1, 1, 2]);
});

test('a copy that was put in place of the data begins a new life', async () => {
  await live();
  const data = join(dir, 'chat.mdb');
  await copyFile(data, join(dir, 'backup'));
  expect(await live()).toBe(1);
  await rm(data);
  await rename(join(dir, 'backup'), data);
  expect(await live()).toBe(2);
});

test('data that is said to be restored begins a new life', async () => {
  await (await claimDataDir(dir)).release();
  expect(await live()).toBe(1);
  markRestored(dir);
  expect([await live(), await live()]).toEqual([2, 2]);
});

test('what was asked before the store was closed is still done', async () => {
  const store = await LmdbStore.open(dir);
  const create = { kind: 'public', title: '', role: 'member' } as const;
  await store.join(ROOM, 'ada', { name: 'Ada', create, maxRoomsPerUser: 10 });
  const post = (id: string) =>
    store.append([{ room: ROOM, drafts: [draft('ada', id, 'text', { text: 'hi' })] }]);
  // The second waits for the first; both were taken.
  const asked = [post('one'), post('two')];
  await store.close();
  const commits = await Promise.all(asked);
  expect(commits.flatMap(({ rooms }) => rooms)).toMatchObject([
    { results: [{ seq: 1 }] },
    { results: [{ seq: 2 }] },
  ]);
});

test('a directory that was deleted under the server is said to be gone, and nothing more is acknowledged', async () => {
  await using store = await LmdbStore.open(dir);
  const create = { kind: 'public', title: '', role: 'member' } as const;
  await store.join(ROOM, 'ada', { name: 'Ada', create, maxRoomsPerUser: 10 });
  await store.ping();
  await rm(dir, { recursive: true });
  const lost = { name: 'StoreUnavailable', message: expect.stringContaining('gone or was replaced') };
  await expect(store.ping()).rejects.toMatchObject(lost);
  const drafts = [draft('ada', 'late', 'text', { text: 'late' })];
  await expect(store.append([{ room: ROOM, drafts }])).rejects.toMatchObject(lost);
});

test('a directory that cannot be made is unavailable, with the reason', async () => {
  await expect(LmdbStore.open('/proc/none/chat')).rejects.toMatchObject({
    name: 'StoreUnavailable',
    message: expect.stringMatching(/ENOENT|no such file/i),
  });
});
