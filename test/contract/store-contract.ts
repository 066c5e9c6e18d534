/**
 * What every store must keep: one suite, run on every implementation.
 *
 * `open` is called once for the suite; each test has a namespace of its own (store-scene.ts).
 * The themes are a file each: store-contract-*.ts.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { amendmentContract } from './store-contract-amendments.ts';
import { appendContract } from './store-contract-append.ts';
import { closeContract } from './store-contract-close.ts';
import { deletingContract } from './store-contract-deleting.ts';
import { deviceContract } from './store-contract-devices.ts';
import { directContract } from './store-contract-direct.ts';
import { epochContract } from './store-contract-epochs.ts';
import { historyContract } from './store-contract-history.ts';
import { hookContract } from './store-contract-hooks.ts';
import { idContract } from './store-contract-ids.ts';
import { indexContract } from './store-contract-index.ts';
import { listContract } from './store-contract-lists.ts';
import { memberContract } from './store-contract-members.ts';
import { orderContract } from './store-contract-orders.ts';
import { pageContract } from './store-contract-pages.ts';
import { retentionContract } from './store-contract-retention.ts';
import { presenceContract } from './store-contract-presence.ts';
import { rightsContract } from './store-contract-rights.ts';
import { tokenContract } from './store-contract-tokens.ts';
import { unreadContract } from './store-contract-unread.ts';
import { Scene, type OpenedStore } from './store-scene.ts';

const THEMES: Record<string, (scene: () => Scene) => void> = {
  appending: appendContract,
  ids: idContract,
  members: memberContract,
  index: indexContract,
  devices: deviceContract,
  unread: unreadContract,
  pages: pageContract,
  history: historyContract,
  epochs: epochContract,
  retention: retentionContract,
  lists: listContract,
  rights: rightsContract,
  amendments: amendmentContract,
  direct: directContract,
  presence: presenceContract,
  tokens: tokenContract,
  hooks: hookContract,
  orders: orderContract,
  deleting: deletingContract,
};

export function storeContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} keeps the contract of a store`, () => {
    let opened: OpenedStore | undefined;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.close());

    const scene = (): Scene => {
      if (opened === undefined) throw new Error('the store was not opened');
      return new Scene(opened);
    };
    for (const [theme, contract] of Object.entries(THEMES)) describe(theme, () => contract(scene));
  });
  describe(`${name} when it is closed`, () => closeContract(open));
}
