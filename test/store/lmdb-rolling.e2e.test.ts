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

let made = 0;

/** Posts until then, one after the other; gives the seqs of what was acknowledged. */
async function post({ store }: LmdbProcess, until: number, seqs: number[]): Promise<void> {
  await store.join(ROOM, 'ada', {
    name: '',
    create: { kind: 'public', title: '', role: 'member' },
    maxRoomsPerUser: 10,
  });
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
}

async function inDirectory(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await makeDir();
  try {
    await run(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

test('G1: processes that open and close one after the other give no seq twice', async () => {
  const seqs: number[] = [];
  await inDirectory(async (dir) => {
    const end = performance.now() + SECONDS * 1_000;
    const lane = async (): Promise<void> => {
      while (performance.now() < end) {
        await using opened = await LmdbProcess.start(dir);
        await post(opened, performance.now() + 100 + Math.random() * 300, seqs);
        await opened.call('close');
        await pause(5);
      }
    };
    await Promise.all(upTo(4).map(lane));
  });
  expect(new Set(seqs).size).toBe(seqs.length);
  expect(Math.max(...seqs)).toBe(seqs.length);
});

test('G1: a process that opens the data undoes nothing of what others commit meanwhile', async () => {
  const seqs: number[] = [];
  let opens = 0;
  await inDirectory(async (dir) => {
    const end = performance.now() + SECONDS * 1_000;
    const writer = async (): Promise<void> => {
      await using opened = await LmdbProcess.start(dir);
      await post(opened, end, seqs);
    };
    // Each opens the data, writes nothing, and is killed.
    const opener = async (): Promise<void> => {
      while (performance.now() < end) {
        await using _opened = await LmdbProcess.start(dir);
        opens += 1;
      }
    };
    await Promise.all([...upTo(4).map(writer), ...upTo(3).map(opener)]);
  });
  expect(opens).toBeGreaterThan(10);
  expect(new Set(seqs).size).toBe(seqs.length);
  expect(Math.max(...seqs)).toBe(seqs.length);
});
