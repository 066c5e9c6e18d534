/** What a receiver of hooks is sent, and what it costs where there is nothing to send. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { draft } from '../../src/chat/entry.ts';
import { nameOf, roomId, type RoomId } from '../../src/chat/identity.ts';
import { HookRunner } from '../../src/edge/hooks/hook-runner.ts';
import { HookRefused } from '../../src/edge/hooks/hook-sender.ts';
import { LmdbStore } from '../../src/store/lmdb/lmdb-store.ts';
import { until } from '../support/client.ts';

interface Sent {
  readonly room: string;
  readonly messages: readonly { readonly seq: number }[];
}

let dir: string;
let store: LmdbStore;
let time: number;
let pages: number;
let sent: Sent[];
let ids: string[];
/** For how long it was left alone, in ms. */
let alone: number[];
/** What the receiver does with an event; throws. */
let take: (event: Sent) => void | Promise<void>;
const end = new AbortController();

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hooks-'));
  time = 1_000_000;
  pages = 0;
  sent = [];
  ids = [];
  alone = [];
  take = () => {};
  store = await LmdbStore.open(dir, { boot: 'one', now: () => time });
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

async function runner(): Promise<HookRunner> {
  const counted = new Proxy(store, {
    get(target, name) {
      if (name === 'page') pages += 1;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value as () => void).bind(target) : value;
    },
  });
  // One of a test before may still be at it.
  const own = alone;
  const made = new HookRunner(counted, {
    hook: 'hook',
    async send(id, event) {
      ids.push(id);
      await take(event as Sent);
      sent.push(event as Sent);
    },
    wait: (ms) => pause(ms / 100),
    signal: end.signal,
    onFailure: (_error, ms) => own.push(ms),
  });
  await made.open();
  return made;
}

async function write(name: string, posts: number): Promise<RoomId> {
  const room = roomId('/', name);
  await store.join(room, 'ada', {
    name: 'ada',
    create: { kind: 'public', title: '', role: 'member' },
    maxRoomsPerUser: 100,
  });
  const ids = Array.from({ length: posts }, (_, i) => `${time}.${i}`);
  await store.append([{ room, drafts: ids.map((id) => draft('ada', id, 'text', { text: id })) }]);
  return room;
}

const seqs = (room: RoomId): number[] =>
  sent
    .filter((event) => event.room === nameOf(room))
    .flatMap(({ messages }) => messages.map(({ seq }) => seq));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

test('a room in which all is older than the receiver is looked through once', async () => {
  const old = await write('old', 50);
  time += 1_000;
  const hooks = await runner();
  await hooks.scan();
  await hooks.close();
  expect(pages).toBeGreaterThan(0);
  pages = 0;
  await hooks.scan();
  await hooks.close();
  expect(pages).toBe(0);
  time += 1_000;
  await write('old', 3);
  await hooks.scan();
  await hooks.close();
  expect(seqs(old)).toEqual([51, 52, 53]);
});

test('of a page that the receiver does not want it is sent smaller ones, and other rooms go on', async () => {
  const hooks = await runner();
  time += 1_000;
  const [big, other] = [await write('big', 60), await write('other', 60)];
  let refusals = 0;
  take = ({ room, messages }) => {
    if (room !== 'big' || messages.length <= 2) return;
    refusals += 1;
    throw new HookRefused(413);
  };
  hooks.hear(big);
  hooks.hear(other);
  await until(
    () => seqs(big).length === 60,
    5_000,
    () => `${seqs(big).length} came`,
  );
  expect(seqs(big)).toEqual(upTo(60));
  expect(seqs(other)).toEqual(upTo(60));
  expect(refusals).toBeLessThan(60);
});

test('what was just stored goes before what a look through all rooms found', async () => {
  const hooks = await runner();
  time += 1_000;
  for (let i = 0; i < 60; i += 1) await write(`found-${i}`, 1);
  const live = await write('live', 1);
  let release: (() => void) | undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const order: string[] = [];
  const slow = new HookRunner(store, {
    hook: 'slow',
    async send(_id, event) {
      order.push((event as Sent).room);
      await held;
    },
    wait: (ms) => pause(ms / 100),
    signal: end.signal,
    onFailure: () => {},
  });
  time -= 2_000;
  await slow.open();
  time += 2_000;
  await slow.scan();
  slow.hear(live);
  await until(
    () => order.length === 16,
    5_000,
    () => `${order.length} at once`,
  );
  release?.();
  await until(
    () => order.includes('live'),
    5_000,
    () => 'not sent',
  );
  expect(order.indexOf('live')).toBeLessThanOrEqual(17);
  await slow.close();
  await hooks.close();
});

test.each([
  ['heard of', (hooks: HookRunner, rooms: readonly RoomId[]) => rooms.forEach((room) => hooks.hear(room))],
  ['found', (hooks: HookRunner) => void hooks.scan()],
])('rooms whose entries a receiver cannot take are not all that it is sent: %s', async (_, tell) => {
  const hooks = await runner();
  time += 1_000;
  const poison: RoomId[] = [];
  for (let i = 0; i < 20; i += 1) poison.push(await write(`a-poison-${i}`, 1));
  const [first, second] = [await write('first', 3), await write('second', 3)];
  take = ({ room }) => {
    if (room.startsWith('a-poison')) throw new Error('it answered 500');
  };
  tell(hooks, [...poison, first, second]);
  await until(
    () => seqs(first).length === 3 && seqs(second).length === 3,
    5_000,
    () => `${seqs(first).length} and ${seqs(second).length} came`,
  );
  take = () => {};
  await until(
    () => poison.every((room) => seqs(room).length === 1),
    5_000,
    () => 'not all came when it could take them',
  );
});

test('what is sent again has the same id and the same entries, whatever was posted meanwhile', async () => {
  const hooks = await runner();
  time += 1_000;
  const room = await write('busy', 3);
  const tried: number[] = [];
  take = async ({ messages }) => {
    tried.push(messages.length);
    if (tried.length >= 3) return;
    time += 1;
    await write('busy', 2);
    // It has them, and its answer is lost.
    throw new Error('it did not answer');
  };
  hooks.hear(room);
  await until(
    () => seqs(room).length === 7,
    5_000,
    () => `${seqs(room).length} came`,
  );
  expect(tried.slice(0, 3)).toEqual([3, 3, 3]);
  expect(new Set(ids.slice(0, 3)).size).toBe(1);
  expect(seqs(room)).toEqual(upTo(7));
});

test('a room that is posted to while its page is refused waits all the same', async () => {
  const hooks = await runner();
  time += 1_000;
  const room = await write('busy', 1);
  let [refusals, waits] = [0, 0];
  const over = new AbortController();
  const refusing = new HookRunner(store, {
    hook: 'refusing',
    async send() {
      refusals += 1;
      refusing.hear(room);
      throw new HookRefused(401);
    },
    wait: () => {
      waits += 1;
      return pause(50);
    },
    signal: over.signal,
    onFailure: () => {},
  });
  time -= 2_000;
  await refusing.open();
  time += 2_000;
  refusing.hear(room);
  await pause(275);
  over.abort();
  await refusing.close();
  expect(refusals).toBeGreaterThan(2);
  expect(refusals).toBeLessThan(8);
  expect(waits).toBe(refusals);
  await hooks.close();
});

test('a receiver that fails is left alone for longer each time, a minute at most, until it takes something', async () => {
  const hooks = await runner();
  time += 1_000;
  let failures = 8;
  take = () => {
    failures -= 1;
    if (failures >= 0) throw new Error('not now');
  };
  const room = await write('room', 3);
  hooks.hear(room);
  await until(
    () => seqs(room).length === 3,
    20_000,
    () => `${seqs(room).join()} after ${alone.join()} ms`,
  );
  expect(alone).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  await hooks.close();
  failures = 1;
  time += 1_000;
  await write('room', 1);
  hooks.hear(room);
  await until(
    () => seqs(room).length === 4,
    5_000,
    () => `${seqs(room).join()}`,
  );
  expect(alone.slice(8)).toEqual([1_000]);
  await hooks.close();
});
