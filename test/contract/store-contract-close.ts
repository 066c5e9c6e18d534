/** The end of a store: what it says when it is closed. */
import { expect, test } from 'vitest';
import type { Store } from '../../src/chat/store.ts';
import { Scene, type OpenedStore } from './store-scene.ts';

export function closeContract(open: () => Promise<OpenedStore>): void {
  test('a store that is open can write, and says so', async () => {
    const opened = await open();
    try {
      await expect(opened.store.ping()).resolves.toBeUndefined();
    } finally {
      await opened.close();
    }
  });

  test('a closed store is unavailable, whatever is asked; closing twice is the same as once', async () => {
    const opened = await open();
    try {
      const here = new Scene(opened);
      const { store } = here;
      const room = await here.roomOf('ada');
      await Promise.all([store.close(), store.close()]);
      await store.close();
      const calls: Record<string, (closed: Store) => Promise<unknown>> = {
        append: (closed) => closed.append([{ room, drafts: [here.draft('ada', 'late')] }]),
        join: (closed) => here.join(room, 'bob', {}, closed),
        leave: (closed) => closed.leave(room, 'ada'),
        page: (closed) => here.log(room, closed),
        history: (closed) => closed.history(room, { user: 'ada', limit: 1 }),
        views: (closed) => closed.views('ada', undefined, [room]),
        heads: (closed) => closed.heads([room]),
        index: (closed) => closed.index(here.user('ada')),
        indexVersions: (closed) => closed.indexVersions([here.user('ada')]),
        useDevice: (closed) => closed.useDevice(here.user('ada'), 'phone', 20),
        moveCursors: (closed) =>
          closed.moveCursors([{ room, user: 'ada', device: 'phone', to: { epoch: '', seq: 1 } }]),
        markRead: (closed) => closed.markRead(room, 'ada', 1),
        listRooms: (closed) => closed.listRooms(here.namespace, undefined, 1),
        listMembers: (closed) => closed.listMembers(room, { user: 'ada' }, undefined, 1),
        ping: (closed) => closed.ping(),
      };
      for (const [name, call] of Object.entries(calls)) {
        await expect(call(store), name).rejects.toMatchObject({ name: 'StoreUnavailable' });
      }
    } finally {
      await opened.close();
    }
  });
}
