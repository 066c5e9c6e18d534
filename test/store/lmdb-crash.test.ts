/**
 * Crashes of the machine. Of each sector that was written since the last flush the disk may have
 * any version; what was acknowledged must be there after a recovery, and all of it whole.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { copyFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { draft } from '../../src/chat/entry.ts';
import { roomId, type RoomId } from '../../src/chat/identity.ts';
import { claimDataDir } from '../../src/store/lmdb/data-dir.ts';
import { LmdbStore } from '../../src/store/lmdb/lmdb-store.ts';
import { makeDir } from './lmdb-opened.ts';

const SECTOR = 512;
const ROOM = roomId('/', 'room');
const ROOMS = [ROOM, roomId('/', 'other'), roomId('/', 'third')];

/** A small generator of its own, so that a seed replays. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What the disk may have of one file: since its last flush, any version of each sector. */
class File {
  readonly path: string;
  #versions: Buffer[];

  constructor(path: string) {
    this.path = path;
    this.#versions = [];
  }

  /** A version that may get to the disk; its place is for `flushed`. */
  written(): Buffer {
    const version = readFileSync(this.path);
    this.#versions.push(version);
    return version;
  }

  /** Nothing older than that can be there any more. */
  flushed(version: Buffer): void {
    this.#versions = this.#versions.slice(this.#versions.indexOf(version));
  }

  crash(random: (below: number) => number): Buffer {
    const longest = this.#versions.toSorted((a, b) => b.length - a.length)[0] ?? Buffer.alloc(0);
    const image = Buffer.alloc(longest.length);
    for (let at = 0; at < image.length; at += SECTOR) {
      const version = this.#versions[random(this.#versions.length)];
      if (version !== undefined && version.length > at) version.copy(image, at, at, at + SECTOR);
    }
    return image;
  }
}

/** Over what is there, so that the file stays the one that it was. */
function overwrite(path: string, image: Buffer): void {
  const fd = openSync(path, 'r+');
  ftruncateSync(fd, 0);
  writeSync(fd, image, 0, image.length, 0);
  expect(fstatSync(fd).size).toBe(image.length);
  closeSync(fd);
}

interface Acknowledged {
  readonly room: RoomId;
  readonly id: string;
  readonly text: string;
  readonly seq: number;
}

let dir = '';
beforeEach(async () => {
  dir = await makeDir();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function start(boot: string, sync?: (fd: number) => Promise<void>): Promise<LmdbStore> {
  await (await claimDataDir(dir, boot)).release();
  return LmdbStore.open(dir, { boot, ...(sync === undefined ? {} : { sync }) });
}

async function joinAll(store: LmdbStore): Promise<void> {
  const create = { kind: 'public', title: '', role: 'member' } as const;
  for (const room of ROOMS) await store.join(room, 'ada', { name: 'ada', create, maxRoomsPerUser: 10 });
}

/**
 * Two workers post until the machine crashes, which it does in the middle of everything; now and
 * then one of them ends and another takes its place.
 */
async function liveUntilCrash(boot: string, random: (below: number) => number): Promise<Acknowledged[]> {
  const files = new Map<string, File>();
  const fileOf = (path: string): File => {
    const file = files.get(path) ?? new File(path);
    files.set(path, file);
    return file;
  };
  const sync = async (fd: number): Promise<void> => {
    const file = fileOf(readlinkSync(`/proc/self/fd/${fd}`));
    const version = file.written();
    for (let i = random(4); i > 0; i -= 1) await turn();
    file.flushed(version);
  };
  const data = fileOf(join(dir, 'chat.mdb'));
  let hasCrashed = false;
  const acknowledged: Acknowledged[] = [];
  const post = async (
    store: LmdbStore,
    room: RoomId,
    id: string,
    text: string,
  ): Promise<() => Promise<void>> => {
    const { rooms, durable } = await store.append([{ room, drafts: [draft('ada', id, 'text', { text })] }]);
    data.written();
    const [commit] = rooms;
    const result = commit === undefined || commit instanceof Error ? undefined : commit.results[0];
    return async () => {
      await durable;
      if (!hasCrashed && result?.ok === true) acknowledged.push({ room, id, text, seq: result.seq });
    };
  };
  let [store, other] = [await start(boot, sync), await LmdbStore.open(dir, { boot, sync })];
  await joinAll(store);
  const answers: Promise<void>[] = [];
  for (let i = 20 + random(60); i > 0; i -= 1) {
    const room = ROOMS[random(ROOMS.length)] ?? ROOM;
    const id = `${boot}-${i}`;
    answers.push((await post(store, room, id, `${id} ${'x'.repeat(random(3_000))}`))());
    // Some are waited for: how many are acknowledged by themselves before the crash is the machine's pace.
    if (random(8) === 0) await answers.at(-1);
    if (random(3) === 0) await turn();
    if (random(2) === 0) [store, other] = [other, store];
    if (random(15) === 0) {
      await other.close();
      other = await LmdbStore.open(dir, { boot, sync });
    }
  }
  const images = new Map([...files].map(([path, file]) => [path, file.crash(random)]));
  hasCrashed = true;
  await Promise.all(answers);
  for (const one of [store, other]) await one.close();
  for (const [path, image] of images) {
    // What was deleted may be there again.
    if (existsSync(path)) overwrite(path, image);
    else if (random(2) === 0) writeFileSync(path, image);
  }
  return acknowledged;
}

async function expectWhole(store: LmdbStore, acknowledged: readonly Acknowledged[]): Promise<void> {
  for (const room of ROOMS) {
    const { entries } = await store.page(room, {
      after: { epoch: '', seq: 0 },
      user: undefined,
      limit: 10_000,
      maxBytes: 100_000_000,
    });
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, i) => i + 1));
    const texts = entries.map(({ json }) => (JSON.parse(json) as { text: string }).text);
    const mine = acknowledged.filter((one) => one.room === room);
    expect(mine.map(({ seq }) => texts[seq - 1])).toEqual(mine.map(({ text }) => text));
  }
  // The ids are in another table.
  for (const { room, id, text, seq } of acknowledged) {
    const { rooms } = await store.append([{ room, drafts: [draft('ada', id, 'text', { text })] }]);
    expect(rooms).toMatchObject([{ results: [{ ok: true, seq, duplicate: true }] }]);
  }
}

const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1);

test.each(SEEDS)('what was acknowledged survives crashes of the machine (seed %i)', async (seed) => {
  const random = randomOf(seed);
  const acknowledged: Acknowledged[] = [];
  for (let boot = 1; boot <= 4; boot += 1) {
    acknowledged.push(...(await liveUntilCrash(`boot-${boot}`, random)));
    const store = await start(`boot-${boot}-after`);
    await expectWhole(store, acknowledged);
    await store.close();
  }
  expect(acknowledged.length).toBeGreaterThan(40);
});

test.each(['boot-1', 'boot-2'])(
  'an older copy that was written over the data is not mended with what was recorded since, and begins new epochs (%s)',
  async (boot) => {
    const path = join(dir, 'chat.mdb');
    const random = randomOf(1);
    let store = await start('boot-1');
    await joinAll(store);
    await store.close();
    const copy = join(dir, '..', `${random(1e9)}-copy`);
    await copyFile(path, copy);
    store = await start('boot-1');
    for (let i = 0; i < 20; i += 1)
      await store.append([{ room: ROOM, drafts: [draft('ada', `id-${i}`, 'text', { text: 'x' })] }]);
    await store.close();
    overwrite(path, readFileSync(copy));
    await rm(copy);
    store = await start(boot);
    await expectWhole(store, []);
    const [view] = await store.views('ada', undefined, [ROOM]);
    expect(view?.info.chain).toHaveLength(2);
    await store.close();
    // Nor later, when the file has more commits than were recorded then.
    const records = (await readdir(dir)).filter((name) => name.startsWith('flushed-'));
    expect(records).toHaveLength(1);
  },
);
