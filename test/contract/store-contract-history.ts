/** History: pages of the past, in both directions. */
import { expect, test } from 'vitest';
import type { RoomId } from '../../src/chat/identity.ts';
import type { HistoryRequest } from '../../src/chat/store-types.ts';
import { refusal, seqsOf, upTo, type Scene } from './store-scene.ts';

export function historyContract(scene: () => Scene): void {
  const ask = async (here: Scene, room: RoomId, request: Partial<HistoryRequest>) => {
    const { entries, more } = await here.store.history(room, { user: 'ada', limit: 4, ...request });
    return { seqs: seqsOf(entries), more };
  };

  test.each([
    ['the newest page', {}, [7, 8, 9, 10], true],
    ['the newest page with room for all', { limit: 20 }, upTo(10), false],
    ['the newest page with room for just all', { limit: 10 }, upTo(10), false],
    ['what comes before a seq', { before: 7 }, [3, 4, 5, 6], true],
    ['what comes before a seq near the begin', { before: 4 }, [1, 2, 3], false],
    ['what comes before a seq, just to the begin', { before: 5 }, [1, 2, 3, 4], false],
    ['what comes before the first', { before: 1 }, [], false],
    ['what comes before a seq above the head', { before: 99 }, [7, 8, 9, 10], true],
    ['what comes after a seq', { after: 3 }, [4, 5, 6, 7], true],
    ['what comes after a seq near the head', { after: 8 }, [9, 10], false],
    ['what comes after a seq, just to the head', { after: 6 }, [7, 8, 9, 10], false],
    ['what comes after 0', { after: 0 }, [1, 2, 3, 4], true],
    ['what comes after the head', { after: 10 }, [], false],
    ['what comes after a seq above the head', { after: 99 }, [], false],
    ['what lies between two seqs', { after: 2, before: 6 }, [3, 4, 5], false],
    ['what lies between two seqs, as far as it fits', { after: 2, before: 9 }, [3, 4, 5, 6], true],
    ['what lies between a seq and the next', { after: 2, before: 3 }, [], false],
  ] as const)('history gives %s', async (_, request, seqs, more) => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 10);
    expect(await ask(here, room, request)).toEqual({ seqs, more });
  });

  test('history ends where retention does', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 10);
    await here.retain({ maxMessages: 5 });
    expect(await ask(here, room, {})).toEqual({ seqs: [7, 8, 9, 10], more: true });
    expect(await ask(here, room, { before: 8 })).toEqual({ seqs: [6, 7], more: false });
    expect(await ask(here, room, { after: 2 })).toEqual({ seqs: [6, 7, 8, 9], more: true });
    expect(await ask(here, room, { before: 3 })).toEqual({ seqs: [], more: false });
  });

  test('history comes with the membership of whoever asks, and does not check it', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 2);
    const own = await here.store.history(room, { user: 'ada', limit: 5 });
    expect(own).toMatchObject({ info: { head: 2, first: 1 }, membership: { name: 'ada' } });
    expect((await here.store.history(room, { user: 'eve', limit: 5 })).membership).toBeUndefined();
  });

  test('history and a page give the same entries', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'ada', 3);
    await here.store.leave(room, 'bob');
    const { entries } = await here.store.history(room, { user: 'ada', limit: 10 });
    expect(entries).toEqual((await here.log(room)).entries);
  });

  test('an empty room has an empty history', async () => {
    const here = scene();
    expect(await ask(here, await here.roomOf('ada'), {})).toEqual({ seqs: [], more: false });
  });

  test('a room that does not exist has no history', async () => {
    const here = scene();
    await expect(ask(here, here.room('nowhere'), {})).rejects.toMatchObject(refusal('not_found'));
  });
}
