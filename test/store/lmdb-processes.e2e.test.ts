/** Many processes on one LMDB directory, and what is left when one of them ends badly. */
import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { roomId } from '../../src/chat/identity.ts';
import type { JoinOptions } from '../../src/chat/store-types.ts';
import { claimDataDir } from '../../src/store/lmdb/data-dir.ts';
import { LmdbStore } from '../../src/store/lmdb/lmdb-store.ts';
import { storeContract } from '../contract/store-contract.ts';
import { messageOf, seqsOf, upTo } from '../contract/store-scene.ts';
import { makeDir, openLmdb } from './lmdb-opened.ts';
import { LmdbProcess } from './lmdb-process.ts';

storeContract('LmdbStore with its second handle in another process', () =>
  openLmdb({}, async (dir, boot) => (await LmdbProcess.start(dir, { boot })).store),
);

const ROOM = roomId('/', 'room');
const BOOT = 'boot-1';
const JOIN: Omit<JoinOptions, 'name'> = {
  create: { kind: 'public', title: '', role: 'member' },
  maxRoomsPerUser: 10,
};

let dir = '';
beforeEach(async () => {
  dir = await makeDir();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const text = (from: string, id: string) => ({
  from,
  id,
  kind: 'text' as const,
  tail: `"from":"${from}","id":"${id}","kind":"text","text":"x"}`,
});
const everything = { after: { epoch: '', seq: 0 }, limit: 100_000, maxBytes: 1e9 };

test('eight processes that open a new directory at once can all write', async () => {
  const processes = await Promise.all(upTo(8).map(() => LmdbProcess.start(dir)));
  try {
    await Promise.all(
      processes.map(async ({ store }, i) => {
        await store.join(ROOM, `user-${i}`, { name: '', ...JOIN });
        for (const n of upTo(10)) await store.append([{ room: ROOM, drafts: [text(`user-${i}`, `${n}`)] }]);
      }),
    );
    const { entries, info } = (await processes[0]?.store.page(ROOM, everything)) ?? {
      entries: [],
      info: undefined,
    };
    expect(seqsOf(entries)).toEqual(upTo(80));
    expect(info).toMatchObject({ members: 8, chain: [{ base: 0 }] });
  } finally {
    await Promise.all(processes.map((process) => process.kill()));
  }
});

test('a process that is killed inside a transaction leaves nothing of it, and the others go on', async () => {
  await using store = await LmdbStore.open(dir, { boot: BOOT });
  await store.join(ROOM, 'ada', { name: '', ...JOIN });
  for (const round of upTo(3)) {
    await using victim = await LmdbProcess.start(dir);
    await expect(victim.call('inside', 'SIGKILL', ROOM, 'ada')).rejects.toThrow('gone');
    const { rooms } = await store.append([{ room: ROOM, drafts: [text('ada', `round ${round}`)] }]);
    expect(rooms).toMatchObject([{ results: [{ seq: round, duplicate: false }] }]);
  }
  expect((await store.page(ROOM, everything)).info).toMatchObject({ head: 3, chain: [{ base: 0 }] });
});

test('what a killed process had acknowledged is there afterwards, in order and without a hole', async () => {
  const acked: string[] = [];
  await using writer = await LmdbProcess.start(dir);
  const { store } = writer;
  await store.join(ROOM, 'ada', { name: '', ...JOIN });
  const posting = (async () => {
    for (let n = 1; ; n += 1) {
      const drafts = upTo(5).map((i) => text('ada', `${n}.${i}`));
      const { durable } = await store.append([{ room: ROOM, drafts }]);
      await durable;
      acked.push(...drafts.map(({ id }) => id));
    }
  })();
  while (acked.length < 100) await pause(5);
  await writer.kill();
  await expect(posting).rejects.toThrow('gone');

  await using reopened = await LmdbStore.open(dir, { boot: BOOT });
  const { entries, info } = await reopened.page(ROOM, everything);
  expect(info.chain).toHaveLength(1);
  expect(seqsOf(entries)).toEqual(upTo(entries.length));
  expect(entries.slice(0, acked.length).map((entry) => messageOf(entry).id)).toEqual(acked);
});

test('a process stopped inside a transaction delays the others’ writes, not their reads, until it is killed', async () => {
  await using store = await LmdbStore.open(dir, { boot: BOOT });
  await store.join(ROOM, 'ada', { name: '', ...JOIN });
  await using victim = await LmdbProcess.start(dir);
  const stopped = victim.call('inside', 'SIGSTOP', ROOM, 'ada').catch(() => 'gone');
  // It holds the lock once a write takes much longer than any does.
  let isStored = false;
  let append = Promise.resolve();
  do {
    isStored = false;
    append = store.append([{ room: ROOM, drafts: [text('ada', 'mine')] }]).then(() => {
      isStored = true;
    });
    await pause(700);
  } while (isStored);
  await expect(store.ping()).rejects.toThrow('no answer for 2000 ms');
  const began = performance.now();
  for (const _ of upTo(20)) await store.page(ROOM, everything);
  expect(performance.now() - began).toBeLessThan(500);
  expect(isStored).toBe(false);

  await victim.kill();
  expect(await stopped).toBe('gone');
  await append;
  await store.ping();
  const ids = (await store.page(ROOM, everything)).entries.map((entry) => messageOf(entry).id);
  expect(ids).toEqual(['mine']);
});

test('a claim is refused while another process has it, and free once that was killed', async () => {
  const owner = await LmdbProcess.start(dir, { claims: true });
  try {
    await expect(claimDataDir(dir)).rejects.toMatchObject({ name: 'DataDirError', exitCode: 78 });
  } finally {
    await owner.kill();
  }
  const claim = await claimDataDir(dir);
  await claim.release();
});
