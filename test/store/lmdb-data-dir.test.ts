/** Whose a data directory is. */
import { access, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { roomId } from '../../src/chat/identity.ts';
import { claimDataDir, markRestored, restoresOf } from '../../src/store/lmdb/data-dir.ts';
import { LmdbStore } from '../../src/store/lmdb/lmdb-store.ts';
import { makeDir } from './lmdb-opened.ts';

const FORMAT_FILE = 'chat-server-format.json';

let dir = '';
beforeEach(async () => {
  dir = await makeDir();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const refused = (message: RegExp) => ({
  name: 'DataDirError',
  exitCode: 78,
  message: expect.stringMatching(message),
});

test('a new or empty directory becomes ours and says so in a file', async () => {
  for (const path of [dir, join(dir, 'deep', 'down')]) {
    const claim = await claimDataDir(path);
    await claim.release();
    expect(JSON.parse(await readFile(join(path, FORMAT_FILE), 'utf8'))).toMatchObject({
      name: 'chat-server',
      format: 1,
    });
    await rm(path, { recursive: true });
    await mkdir(dir, { recursive: true });
  }
});

test('a directory of ours is taken again and again', async () => {
  for (let round = 0; round < 3; round += 1) {
    const claim = await claimDataDir(dir);
    await claim.release();
    await claim.release();
  }
});

test('a directory with something else in it is refused and left as it is', async () => {
  await writeFile(join(dir, 'thesis.txt'), 'years of work');
  await expect(claimDataDir(dir)).rejects.toMatchObject(refused(/thesis\.txt.*--data-dir/));
  await expect(readFile(join(dir, FORMAT_FILE))).rejects.toThrow('ENOENT');
});

test.each([
  ['a newer format', '{"name":"chat-server","format":2}', /format 2.*reads 1/],
  ['another program’s format', '{"name":"other","format":1}', /"other"/],
  ['no format', '{}', /not ours/],
  ['a broken file', '{"name":', /not ours/],
])('%s is refused, with what was found and what to do', async (_, content, message) => {
  await writeFile(join(dir, FORMAT_FILE), content);
  await expect(claimDataDir(dir)).rejects.toMatchObject(refused(message));
  expect(await readFile(join(dir, FORMAT_FILE), 'utf8')).toBe(content);
});

test('what cannot be a directory is refused, with the reason', async () => {
  await writeFile(join(dir, 'file'), '');
  await expect(claimDataDir(join(dir, 'file'))).rejects.toMatchObject(refused(/not a directory/));
  await expect(claimDataDir(join(dir, 'file', 'below'))).rejects.toMatchObject(refused(/not a directory/));
  await expect(claimDataDir('/proc/none/chat')).rejects.toMatchObject(refused(/ENOENT.*--data-dir/));
});

test('where the system refuses, the directory may be the right one: 69', async () => {
  // Nobody may make a directory there.
  await expect(claimDataDir('/sys/chat-server')).rejects.toMatchObject({
    exitCode: 69,
    message: expect.stringContaining('cannot be used'),
  });
});

test('a data file that cannot be opened is refused, and nothing stays claimed', async () => {
  await (await claimDataDir(dir)).release();
  await rm(join(dir, 'chat.mdb'));
  await mkdir(join(dir, 'chat.mdb'));
  await expect(claimDataDir(dir)).rejects.toMatchObject(refused(/chat\.mdb cannot be used \(EISDIR/));
  await rm(join(dir, 'chat.mdb'), { recursive: true });
  await (await claimDataDir(dir)).release();
});

test('a directory that is claimed is refused to everybody else, under any name, until released', async () => {
  const claim = await claimDataDir(dir);
  await expect(claimDataDir(dir)).rejects.toMatchObject(refused(/used by another server/));
  const renamed = `${dir}-renamed`;
  await rename(dir, renamed);
  await expect(claimDataDir(renamed)).rejects.toMatchObject(refused(/used by another server/));
  await rename(renamed, dir);
  await claim.release();
  await (await claimDataDir(dir)).release();
});

test('a restored copy is counted', async () => {
  await (await claimDataDir(dir)).release();
  expect(restoresOf(dir)).toBe(0);
  markRestored(dir);
  markRestored(dir);
  expect(restoresOf(dir)).toBe(2);
  await (await claimDataDir(dir)).release();
});

test('a store is opened on the claimed data file or not at all', async () => {
  const { dataFiles, release } = await claimDataDir(dir);
  await (await LmdbStore.open(dir, { dataFiles })).close();
  const away = `${dir}-away`;
  await rename(dir, away);
  await expect(LmdbStore.open(dir, { dataFiles })).rejects.toThrow(/gone or was replaced; put it back/);
  await expect(access(dir)).rejects.toThrow(/ENOENT/);
  await cp(away, dir, { recursive: true });
  await expect(LmdbStore.open(dir, { dataFiles })).rejects.toThrow(/gone or was replaced/);
  await rm(dir, { recursive: true });
  await rename(away, dir);
  await (await LmdbStore.open(dir, { dataFiles })).close();
  await release();
});

test('G1: without the lock file that both knew, two writers would not know of each other', async () => {
  const { dataFiles, release } = await claimDataDir(dir);
  await using store = await LmdbStore.open(dir, { dataFiles });
  const create = { kind: 'public', title: '', role: 'member' } as const;
  const room = roomId('/', 'lobby');
  await store.join(room, 'ada', { name: 'Ada', create, maxRoomsPerUser: 10 });
  const lock = join(dir, 'chat.mdb-lock');
  const gone = { name: 'StoreUnavailable', message: expect.stringContaining('chat.mdb-lock is gone') };
  for (const remove of [() => rm(lock), () => writeFile(lock, '')]) {
    await remove();
    await expect(LmdbStore.open(dir, { dataFiles })).rejects.toMatchObject(gone);
    await expect(store.leave(room, 'ada')).rejects.toMatchObject(gone);
  }
  await release();
});
