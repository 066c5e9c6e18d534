/** Retention: what goes, what stays, and how long an id is kept. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { accepted, seqsOf, upTo, YEAR_MS, type Scene } from './store-scene.ts';

export function retentionContract(scene: () => Scene): void {
  test('without a limit everything stays', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 5);
    await here.retain({});
    expect(seqsOf((await here.log(room)).entries)).toEqual([1, 2, 3, 4, 5]);
  });

  test('the newest messages stay, as many as there may be', async () => {
    const here = scene();
    const [red, blue] = [await here.roomOf('ada'), await here.roomOf('ada')];
    await here.postMany(red, 'ada', 9);
    await here.postMany(blue, 'ada', 2);
    await here.retain({ maxMessages: 4 });
    expect(await here.info(red)).toMatchObject({ head: 9, first: 6 });
    expect(seqsOf((await here.log(red)).entries)).toEqual([6, 7, 8, 9]);
    expect(await here.info(blue)).toMatchObject({ head: 2, first: 1 });
  });

  test('messages older than they may be go, the others stay', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 3);
    await pause(1_500);
    const [{ at } = { at: 0 }] = await here.postMany(room, 'ada', 2);
    // Counted from the younger ones, so that a slow pass does not take them too.
    await here.retain({ maxAgeMs: Date.now() - at + 1_300 });
    expect(await here.info(room)).toMatchObject({ head: 5, first: 4 });
    await here.retain({ maxAgeMs: YEAR_MS });
    expect(seqsOf((await here.log(room)).entries)).toEqual([4, 5]);
  });

  test('the newest bytes stay, as many as there may be', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.post(room, 'ada', ...upTo(20).map(() => 'x'.repeat(1_000)));
    await here.retain({ maxBytes: 6_000 });
    const { length } = (await here.log(room)).entries;
    expect(length).toBeLessThanOrEqual(6);
    expect(length).toBeGreaterThanOrEqual(4);
    expect((await here.info(room)).head).toBe(20);
  });

  test('a position that retention passed is told what it misses, and goes on where the log begins', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 10);
    await here.retain({ maxMessages: 3 });
    const epoch = await here.epoch(room);
    const page = await here.page(room, { epoch, seq: 2 });
    const next = { epoch, seq: 7 };
    expect(page.losses).toEqual([{ epoch, from: 3, to: 7, reason: 'retention', next }]);
    expect(page.start).toEqual(next);
    expect(seqsOf(page.entries)).toEqual([8, 9, 10]);
    expect(await here.page(room, next)).toMatchObject({ losses: [], start: next });
    expect(await here.log(room)).toMatchObject({ losses: [], start: next });
  });

  test('a room that lost everything goes on counting', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'ada', 5);
    await here.retain({ maxMessages: 0 });
    expect(await here.info(room)).toMatchObject({ head: 5, first: 6, members: 2 });
    expect((await here.log(room)).entries).toEqual([]);
    expect(await here.unread(room, 'bob')).toBe(0);
    expect(seqsOf(await here.post(room, 'ada', 'six'))).toEqual([6]);
    expect(await here.info(room)).toMatchObject({ head: 6, first: 6 });
    expect(await here.unread(room, 'bob')).toBe(1);
  });

  test('an id is kept as long as its message', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.append(room, [here.draft('ada', 'one', 'x')]);
    await pause(20);
    await here.retain({ maxAgeMs: YEAR_MS, idsMs: 1 });
    const { results } = await here.append(room, [here.draft('ada', 'one', 'x')]);
    expect(results).toMatchObject([{ seq: 1, duplicate: true }]);
  });

  test('the id of a message that went is kept for its time', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    const ids = ['x', 'a b', '"\\|'];
    await here.append(
      room,
      ids.map((id) => here.draft('ada', 'text', id)),
    );
    await here.retain({ maxMessages: 0 });
    await here.retain({ maxMessages: 0 });
    const { results } = await here.append(
      room,
      ids.map((id) => here.draft('ada', 'text', id)),
    );
    expect(results.map(accepted).map(({ seq, duplicate }) => [seq, duplicate])).toEqual([
      [1, true],
      [2, true],
      [3, true],
    ]);
  });

  test('the id of a message that went is forgotten after its time', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    const ids = ['x', 'a b', '"\\|'];
    const drafts = ids.map((id) => here.draft('ada', 'text', id));
    await here.append(room, drafts.slice(0, 2));
    // One goes through the time between, the other two go with their message.
    await here.retain({ maxMessages: 1 });
    await here.append(room, drafts.slice(2));
    await pause(20);
    await here.retain({ maxMessages: 0, idsMs: 1 });
    const { results } = await here.append(room, drafts);
    expect(results.map(accepted).map(({ seq, duplicate }) => [seq, duplicate])).toEqual([
      [4, false],
      [5, false],
      [6, false],
    ]);
  });

  test('a long log is trimmed while posts go on, and neither harms the other', async () => {
    const here = scene();
    const other = await here.second();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'ada', 2_500);
    let isOver = false;
    const retaining = here.retain({ maxMessages: 10 }).then(() => {
      isOver = true;
    });
    let last = 2_500;
    do {
      const { results } = await here.append(room, [here.draft('bob', 'text')], other);
      expect(accepted(results[0]).seq).toBe((last += 1));
    } while (!isOver);
    await retaining;
    await here.retain({ maxMessages: 10 });
    expect(await here.info(room)).toMatchObject({ head: last, first: last - 9 });
    expect(seqsOf((await here.log(room)).entries)).toEqual(upTo(10, last - 9));
  });

  test('a pass ends when it is told to', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 5);
    await here.store.retain({ maxMessages: 1, idsMs: 0 }, AbortSignal.abort());
    expect((await here.info(room)).first).toBe(1);
  });
}
