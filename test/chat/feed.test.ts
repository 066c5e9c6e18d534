import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeBatch, decodeBatch } from '../../src/chat/batch.ts';
import { draft } from '../../src/chat/entry.ts';
import { DEFAULT_FEED_LIMITS } from '../../src/chat/feed-context.ts';
import { Feeds } from '../../src/chat/feeds.ts';
import { roomId, type RoomId } from '../../src/chat/identity.ts';
import { headOf } from '../../src/chat/room-state.ts';
import type { Batch } from '../../src/chat/store-types.ts';
import type { Position } from '../../src/protocol/words.ts';
import { LmdbStore } from '../../src/store/lmdb/lmdb-store.ts';
import { until } from '../support/client.ts';
import { feedContext } from '../support/feed-context.ts';
import { RecordingOutlet } from '../support/recording-outlet.ts';

const ROOM = roomId('/', 'lobby');
const ALL: Position = { epoch: '', seq: 0 };

let dir: string;
let store: LmdbStore;
let feeds: Feeds;
const faults: unknown[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'feed-'));
  store = await LmdbStore.open(dir, { boot: 'one' });
  openFeeds();
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
  expect(faults.splice(0)).toEqual([]);
});

function openFeeds(): void {
  const context = {
    ...feedContext({ store, onFault: (error) => faults.push(error) }),
    inTurn: (task: () => void) => void setTimeout(task, Math.random() * 3),
    limits: { ...DEFAULT_FEED_LIMITS, maxBatch: 7, maxRecent: 5, gapGraceMs: 1 },
  };
  feeds = new Feeds(context, { subscribe: () => {}, unsubscribe: () => {} }, { maxFeeds: 100 });
}

async function become(user: string, room: RoomId = ROOM) {
  return store.join(room, user, {
    name: user,
    create: { kind: 'public', title: '', role: 'member' },
    maxRoomsPerUser: 100,
  });
}

let made = 0;

/** Stores so many posts, each a batch of its own; nothing is handed on yet. */
async function storePosts(count: number, user = 'ada'): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (let i = 0; i < count; i += 1) {
    made += 1;
    const { rooms } = await store.append([
      { room: ROOM, drafts: [draft(user, `m${made}`, 'text', { text: `${made}` })] },
    ]);
    const [commit] = rooms;
    if (commit !== undefined && !(commit instanceof Error) && commit.batch !== undefined)
      batches.push(commit.batch);
  }
  return batches;
}

async function follow(user: string, from: Position = ALL) {
  const joined = await become(user);
  const outlet = new RecordingOutlet();
  const subscription = feeds.subscribe(ROOM, headOf(joined.info), outlet, {
    user,
    point: joined.membership.point,
    from,
    isSettled: false,
  });
  subscription.start();
  await until(
    () => subscription.isLive,
    2_000,
    () => 'never went live',
  );
  return { outlet, subscription };
}

const dense = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

test('G5: whatever the adapter drops, doubles and reorders, every entry is handed on once and in order', async () => {
  await become('ada');
  const { outlet } = await follow('bob');
  let total = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1, 1, 1, 2)), {
        minLength: 1,
        maxLength: 12,
      }),
      async (fates) => {
        const batches = await storePosts(fates.length);
        total += fates.length;
        const sent = batches
          .flatMap((batch, i) =>
            Array.from({ length: fates[i]?.[1] ?? 1 }, () => ({ batch, at: fates[i]?.[0] ?? 0 })),
          )
          .toSorted((a, b) => a.at - b.at);
        for (const { batch } of sent) feeds.offerText(ROOM, encodeBatch(batch));
        await feeds.checkHeads();
        await until(
          () => outlet.seqs.length >= total,
          2_000,
          () => `${outlet.seqs.length} of ${total}`,
        );
        expect(outlet.seqs).toEqual(dense(total));
      },
    ),
    { numRuns: 40 },
  );
});

test('G5: the last message of a burst that nobody published is found by the store’s heads', async () => {
  await become('ada');
  const { outlet } = await follow('bob');
  await storePosts(3);
  await feeds.checkHeads();
  await until(
    () => outlet.seqs.length === 3,
    2_000,
    () => 'not repaired',
  );
});

test('G1: a socket that joins in the middle of traffic gets everything once, across the seam', async () => {
  await become('ada');
  const { outlet: first } = await follow('bob');
  const late: RecordingOutlet[] = [];
  for (let i = 0; i < 30; i += 1) {
    const [batch] = await storePosts(1);
    if (batch !== undefined) feeds.offer(ROOM, batch);
    if (i % 3 === 0) late.push((await follow(`late${i}`)).outlet);
  }
  await until(
    () => [first, ...late].every((outlet) => outlet.seqs.length === 30),
    2_000,
    () => 'not all',
  );
  for (const outlet of [first, ...late]) expect(outlet.seqs).toEqual(dense(30));
});

test('batches that come before the next turn go out as one event, once', async () => {
  await become('ada');
  const { outlet } = await follow('bob');
  const batches = await storePosts(4);
  for (const batch of [...batches, ...batches.slice(0, 2)]) feeds.offer(ROOM, batch);
  await until(
    () => outlet.seqs.length >= 4,
    2_000,
    () => 'not handed on',
  );
  expect(outlet.seqs).toEqual(dense(4));
  expect(outlet.events).toBe(1);
});

test('G10: a socket that does not read gets nothing more, and everything once when it reads again', async () => {
  await become('ada');
  const { outlet: slow, subscription } = await follow('bob');
  const { outlet: quick } = await follow('cleo');
  slow.isReading = false;
  for (const batch of await storePosts(40)) feeds.offer(ROOM, batch);
  await until(
    () => quick.seqs.length === 40,
    2_000,
    () => 'not handed on',
  );
  expect(quick.seqs).toEqual(dense(40));
  expect(slow.seqs).toEqual([]);
  expect(subscription.isLive).toBe(false);
  slow.read();
  await until(
    () => slow.seqs.length === 40,
    2_000,
    () => 'did not catch up',
  );
  expect(slow.seqs).toEqual(dense(40));
});

test('G14: who left is handed nothing with a later seq, live or catching up', async () => {
  await become('ada');
  const { outlet: live } = await follow('bob');
  const { outlet: slow } = await follow('bob');
  slow.isReading = false;
  const before = await storePosts(2);
  const left = await store.leave(ROOM, 'bob');
  const after = await storePosts(2);
  for (const batch of [...before, left.batch, ...after]) feeds.offer(ROOM, batch);
  slow.read();
  await until(
    () => slow.gones.length === 1 && live.gones.length === 1,
    2_000,
    () => 'not told',
  );
  expect(live.seqs).toEqual([1, 2]);
  expect(slow.seqs.every((seq) => seq <= 2)).toBe(true);
});

test('G14: a membership that began after the entry is not ended by it', async () => {
  await become('ada');
  await become('bob');
  const left = await store.leave(ROOM, 'bob');
  const { outlet } = await follow('bob', { epoch: left.batch.epoch, seq: 0 });
  for (const batch of [left.batch, ...(await storePosts(1))]) feeds.offer(ROOM, batch);
  await until(
    () => outlet.seqs.includes(2),
    2_000,
    () => 'nothing came',
  );
  expect(outlet.gones).toEqual([]);
});

test('a socket that goes live is given nothing of a deleted text from memory', async () => {
  await become('ada');
  const { outlet } = await follow('bob');
  const batches = await storePosts(2);
  const erase = draft('ada', 'erase', 'delete', { ref: 1 });
  const { rooms } = await store.append([{ room: ROOM, drafts: [erase] }]);
  const [commit] = rooms;
  if (commit === undefined || commit instanceof Error || commit.batch === undefined)
    throw new Error('not deleted');
  for (const batch of [...batches, commit.batch]) feeds.offer(ROOM, batch);
  await until(
    () => outlet.seqs.length === 3,
    2_000,
    () => 'not handed on',
  );
  const joined = await become('late');
  const late = new RecordingOutlet();
  const subscription = feeds.subscribe(ROOM, headOf(joined.info), late, {
    user: 'late',
    point: joined.membership.point,
    from: { epoch: commit.batch.epoch, seq: 0 },
    isSettled: true,
  });
  subscription.start();
  await until(
    () => late.seqs.length === 3,
    2_000,
    () => 'nothing came',
  );
  expect(late.seqs).toEqual([1, 2, 3]);
  expect(late.texts).toEqual([undefined, outlet.texts[1], undefined]);
});

test('G12: a store in another life: what it kept goes on in a new epoch, nothing is announced lost', async () => {
  await become('ada');
  const { outlet } = await follow('bob');
  for (const batch of await storePosts(3)) feeds.offer(ROOM, batch);
  await store.close();
  store = await LmdbStore.open(dir, { boot: 'two' });
  openFeeds();
  const { outlet: again } = await follow('bob', {
    epoch: (await store.heads([ROOM]))[0]?.epoch ?? '',
    seq: 3,
  });
  const [batch] = await storePosts(1);
  expect(batch?.epoch).not.toBe(undefined);
  if (batch !== undefined) feeds.offer(ROOM, batch);
  await until(
    () => again.seqs.length === 1,
    2_000,
    () => 'nothing came',
  );
  expect(outlet.seqs).toEqual([1, 2, 3]);
  expect(again.seqs).toEqual([4]);
  expect(again.losts).toEqual([]);
});

test('text that is no batch is dropped', () => {
  for (const text of ['', 'e 1', 'e x\nm{}', 'e 1\nx{}', 'no header\nm{}'])
    expect(decodeBatch(text)).toBe(undefined);
});

/** Feeds that may hand on when they are let. */
function heldFeeds() {
  const held = {
    isGood: true,
    repaired: 0,
    waiting: [] as (() => void)[],
    release(): void {
      held.isGood = true;
      for (const task of held.waiting.splice(0)) task();
    },
  };
  feeds = new Feeds(
    {
      ...feedContext({ store, onFault: (error) => faults.push(error) }),
      isGood: () => held.isGood,
      whenGood: (task) => (held.isGood ? task() : void held.waiting.push(task)),
      onRepair: (_, entries) => (held.repaired += entries),
      limits: { ...DEFAULT_FEED_LIMITS, maxHeld: 5, gapGraceMs: 1 },
    },
    { subscribe: () => {}, unsubscribe: () => {} },
    { maxFeeds: 100 },
  );
  return held;
}

test('G10: while nothing may be handed on some batches wait, and the rest is read when it may', async () => {
  await become('ada');
  const held = heldFeeds();
  const { outlet } = await follow('bob');
  held.isGood = false;
  const batches = await storePosts(60);
  for (const batch of batches) feeds.offer(ROOM, batch);
  await pause(30);
  expect(outlet.seqs).toEqual([]);
  held.release();
  await until(
    () => outlet.seqs.length >= 60,
    2_000,
    () => `${outlet.seqs.length} of 60`,
  );
  expect(outlet.seqs).toEqual(dense(60));
  // What it kept are 5 batches that were due and 5 behind them.
  expect(held.repaired).toBeGreaterThanOrEqual(50);
});

test('who catches up when nothing may be handed on any more keeps none of the places that `history` waits for', async () => {
  const held = heldFeeds();
  const outlet = new RecordingOutlet();
  const joined = new Map<RoomId, Awaited<ReturnType<typeof become>>>();
  for (let i = 0; i < 5; i += 1) {
    const room = roomId('/', `held-${i}`);
    joined.set(room, await become('bob', room));
    await store.append([{ room, drafts: [draft('bob', 'one', 'text', { text: 'one' })] }]);
  }
  const page = store.page.bind(store);
  let reads = 0;
  store.page = (...asked) => {
    reads += 1;
    // The second is begun while the first is under way.
    if (reads === 2) held.isGood = false;
    return page(...asked);
  };
  for (const [room, { info, membership }] of joined) {
    const options = { user: 'bob', point: membership.point, from: ALL, isSettled: false };
    feeds.subscribe(room, headOf(info), outlet, options).start();
  }
  await pause(20);
  const asked = outlet.pages.run(() => Promise.resolve('a page'));
  expect(await Promise.race([asked, pause(1_000)])).toBe('a page');
  expect(outlet.seqs).toEqual([]);
  held.release();
  await until(
    () => outlet.seqs.length === joined.size,
    2_000,
    () => `${outlet.seqs.length} of ${joined.size}`,
  );
});

test('G10: of many rooms that are behind a socket gets a few pages at a time', async () => {
  const rooms = Array.from({ length: 30 }, (_, i) => roomId('/', `behind-${i}`));
  const outlet = new RecordingOutlet();
  let [unread, most] = [0, 0];
  const messages = outlet.messages.bind(outlet);
  outlet.messages = (event) => {
    messages(event);
    outlet.isReading = false;
    unread += 1;
    most = Math.max(most, unread);
  };
  for (const room of rooms) {
    const { info, membership } = await become('bob', room);
    await store.append([{ room, drafts: [draft('bob', 'one', 'text', { text: 'one' })] }]);
    feeds
      .subscribe(room, headOf(info), outlet, {
        user: 'bob',
        point: membership.point,
        from: ALL,
        isSettled: false,
      })
      .start();
  }
  const end = performance.now() + 5_000;
  while (outlet.seqs.length < rooms.length && performance.now() < end) {
    await pause(2);
    unread = 0;
    outlet.read();
  }
  expect(outlet.seqs).toHaveLength(rooms.length);
  expect(most).toBeLessThanOrEqual(2);
});
