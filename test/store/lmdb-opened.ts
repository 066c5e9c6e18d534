/** LMDB stores for tests: a directory of their own, and boots that can be changed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../../src/chat/store.ts';
import { claimDataDir } from '../../src/store/lmdb/data-dir.ts';
import { LmdbStore, type LmdbStoreOptions } from '../../src/store/lmdb/lmdb-store.ts';
import type { OpenedStore } from '../contract/store-scene.ts';

export interface OpenedLmdb extends OpenedStore {
  readonly dir: string;
}

export async function makeDir(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'chat-lmdb-'));
}

export type OpenSecond = (dir: string, boot: string) => Promise<Store>;

/** `openSecond`: how a second handle is opened; by default in this process. */
export async function openLmdb(
  options: LmdbStoreOptions = {},
  openSecond: OpenSecond = (dir, boot) => LmdbStore.open(dir, { boot, ...options }),
): Promise<OpenedLmdb> {
  const dir = await makeDir();
  await (await claimDataDir(dir)).release();
  let boots = 1;
  const open = (): Promise<LmdbStore> => LmdbStore.open(dir, { boot: `boot-${boots}`, ...options });
  let store = await open();
  let others: Pick<Store, 'close'>[] = [];
  const closeAll = async (): Promise<void> => {
    for (const handle of [store, ...others]) await handle.close();
    others = [];
  };
  return {
    dir,
    get store() {
      return store;
    },
    async second() {
      const other = await openSecond(dir, `boot-${boots}`);
      others.push(other);
      return other;
    },
    async newLife() {
      await closeAll();
      boots += 1;
      store = await open();
    },
    async close() {
      await closeAll();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
