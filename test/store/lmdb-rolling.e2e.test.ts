/** Processes that come and go, as in a rolling reload: no commit of one is undone by another (G1, G3). */
import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { roomId } from '../../src/chat/identity.ts';
import { upTo } from '../contract/store-scene.ts';
import { makeDir } from './lmdb-opened.ts';
import { LmdbProcess } from './lmdb-process.ts';

const ROOM = roomId('/', 'room');
const SECONDS = 6;

test('G1: processes that open and close one after the other give no seq twice', async () => {
  const dir = await makeDir();
  const seqs: number[] = [];
  let made = 0;
  const end = performance.now() + SECONDS * 1_000;
  const lane = async (): Promise<void> => {
    while (performance.now() < end) {
      await using opened = await LmdbProcess.start(dir);
      const { store } = opened;
      await store.join(ROOM, 'ada', {
        name: '',
        create: { kind: 'public', title: '', role: 'member' },
        maxRoomsPerUser: 10,
      });
      const until = performance.now() + 100 + Math.random() * 300;
      while (performance.now() < until) {
        const id = `${(made += 1)}`;
        const draft = {
          from: 'ada',
          id,
          kind: 'text' as const,
          tail: `"from":"ada","id":"${id}","kind":"text"}`,
        };
        const { rooms } = await store.append([{ room: ROOM, drafts: [draft] }]);
        const [room] = rooms;
        const result = room !== undefined && 'results' in room ? room.results[0] : undefined;
        if (result?.ok === true) seqs.push(result.seq);
      }
      await opened.call('close');
      await pause(5);
    }
  };
  try {
    await Promise.all(upTo(4).map(lane));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  expect(new Set(seqs).size).toBe(seqs.length);
  expect(Math.max(...seqs)).toBe(seqs.length);
});
