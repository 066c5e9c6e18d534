/** A room whose clearing was cut short by a crash is cleared by whoever sweeps next. */
import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { roomId, userId } from '../../src/chat/identity.ts';
import { closeRoom } from '../../src/store/lmdb/delete-step.ts';
import { openEnvironment } from '../../src/store/lmdb/environment.ts';
import { LmdbStore } from '../../src/store/lmdb/lmdb-store.ts';
import { makeDir } from './lmdb-opened.ts';

const ROOM = roomId('/', 'room');
const OPTIONS = {
  name: 'Ada',
  create: { kind: 'public', title: '', role: 'member' },
  maxRoomsPerUser: 10,
} as const;

let dir = '';
beforeEach(async () => {
  dir = await makeDir();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('a clearing that was cut short is gone on with', async () => {
  {
    await using store = await LmdbStore.open(dir);
    await store.join(ROOM, 'ada', OPTIONS);
  }
  const env = await openEnvironment(dir);
  env.root.transactionSync(() => closeRoom(env, ROOM, Date.now()));
  await env.flusher.close();
  await env.root.close();
  await using store = await LmdbStore.open(dir);
  await expect(store.join(ROOM, 'ada', OPTIONS)).rejects.toMatchObject({ code: 'busy' });
  await store.sweepLeases(60_000, new AbortController().signal, () => {});
  expect(await store.index(userId('/', 'ada'))).toMatchObject({ rooms: [] });
  expect(await store.join(ROOM, 'ada', OPTIONS)).toMatchObject({ isNew: true });
});
