/** Pages: what feeds and catching up read. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { refusal, seqsOf, textsOf, upTo, type Scene } from './store-scene.ts';

export function pageContract(scene: () => Scene): void {
  test('a page brings what comes after a position, ascending, up to its limit', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 10);
    const epoch = await here.epoch(room);
    const page = await here.page(room, { epoch, seq: 3 }, { limit: 4 });
    expect(seqsOf(page.entries)).toEqual([4, 5, 6, 7]);
    expect(textsOf(page.entries)).toEqual(['text 4', 'text 5', 'text 6', 'text 7']);
    expect(page).toMatchObject({ start: { epoch, seq: 3 }, losses: [], info: { head: 10, first: 1 } });
  });

  test('seq 0 needs no epoch and means everything that is retained', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 3);
    for (const epoch of ['', 'Unknown']) {
      const page = await here.page(room, { epoch, seq: 0 });
      expect(seqsOf(page.entries)).toEqual([1, 2, 3]);
      expect(page).toMatchObject({ start: { epoch: await here.epoch(room), seq: 0 }, losses: [] });
    }
  });

  test('a page is empty at the head, and a position above the head counts as the head', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 3);
    const epoch = await here.epoch(room);
    for (const seq of [3, 4, 1_000_000]) {
      const page = await here.page(room, { epoch, seq });
      expect(page).toMatchObject({ entries: [], losses: [], start: { epoch, seq: 3 } });
    }
  });

  test('a room without messages has an empty page', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    expect(await here.log(room)).toMatchObject({ entries: [], losses: [], start: { seq: 0 } });
  });

  test('page by page everything comes, once and in order', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 50);
    const seqs: number[] = [];
    let after = { epoch: await here.epoch(room), seq: 0 };
    for (;;) {
      const { entries, start } = await here.page(room, after, { limit: 7 });
      if (entries.length === 0) break;
      seqs.push(...seqsOf(entries));
      after = { epoch: start.epoch, seq: entries.at(-1)?.seq ?? 0 };
    }
    expect(seqs).toEqual(upTo(50));
  });

  test('a page ends when it passes its bytes, and has one entry at least', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.post(room, 'ada', ...upTo(20).map(() => 'x'.repeat(1_000)));
    expect(seqsOf((await here.page(room, { epoch: '', seq: 0 }, { maxBytes: 1 })).entries)).toEqual([1]);
    const { length } = (await here.page(room, { epoch: '', seq: 0 }, { maxBytes: 5_000 })).entries;
    expect(length).toBeGreaterThanOrEqual(4);
    expect(length).toBeLessThanOrEqual(6);
  });

  test('a page comes with the membership of whoever reads it', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'ada', 2);
    const after = { epoch: '', seq: 0 };
    expect(await here.page(room, after, { user: 'bob' })).toMatchObject({
      membership: { name: 'bob', read: 0, unread: 2, point: { seq: 0 } },
    });
    expect((await here.page(room, after, { user: 'eve' })).membership).toBeUndefined();
    expect((await here.page(room, after)).membership).toBeUndefined();
  });

  test('page and membership are of one step: who left before an entry never reads it as a member', async () => {
    const here = scene();
    const other = await here.second();
    const room = await here.roomOf('ada', 'bob');
    let isOver = false;
    const changing = (async () => {
      for (let i = 0; i < 25; i += 1) {
        await here.store.leave(room, 'bob');
        await here.post(room, 'ada', 'not for bob');
        await here.join(room, 'bob');
        await here.post(room, 'ada', 'for bob');
      }
      isOver = true;
    })();
    while (!isOver) {
      // A store that reads without waiting would leave no turn to anybody else.
      await turn();
      const { entries, membership } = await here.page(room, { epoch: '', seq: 0 }, { user: 'bob' }, other);
      const point = membership?.point.seq ?? Number.POSITIVE_INFINITY;
      const after = entries.filter(({ seq }) => seq > point);
      expect(textsOf(after).filter((text) => text !== 'for bob')).toEqual([]);
    }
    await changing;
  });

  test('a room that does not exist has no page', async () => {
    const here = scene();
    await expect(here.log(here.room('nowhere'))).rejects.toMatchObject(refusal('not_found'));
  });
}
