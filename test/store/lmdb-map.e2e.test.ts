/** The map of the data file is made for what a process may have of addresses (`RLIMIT_AS`). */
import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { mapBytes } from '../../src/store/lmdb/map-size.ts';
import { makeDir } from './lmdb-opened.ts';

const DIST = new URL('../../dist/store/lmdb/', import.meta.url);
const PROGRAM = `
  const { LmdbStore } = await import(process.argv[1] + 'lmdb-store.js');
  const { mapBytes } = await import(process.argv[1] + 'map-size.js');
  const store = await LmdbStore.open(process.argv[2]);
  await store.ping();
  await store.close();
  console.log(mapBytes());
`;

test('a terabyte where nothing forbids it', () => {
  expect(mapBytes()).toBe(2 ** 40);
});

test('less under a limit of addresses, and the store opens', async () => {
  const dir = await makeDir();
  try {
    const limited = ['--as=600000000000', process.execPath, '--input-type=module', '-e', PROGRAM];
    const said = execFileSync('prlimit', [...limited, fileURLToPath(DIST), dir], { encoding: 'utf8' });
    expect(said.trim()).toBe(String(2 ** 37));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
