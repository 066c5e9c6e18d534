/** What a clock that stands still or is set back must not change. */
import { expect, test } from 'vitest';
import { messageOf, Scene } from '../contract/store-scene.ts';
import { openLmdb } from './lmdb-opened.ts';

test('`at` never goes back within a room, when the clock is set back', async () => {
  let now = 1_800_000_000_000;
  const opened = await openLmdb({ now: () => now });
  try {
    const here = new Scene(opened);
    const room = await here.roomOf('ada');
    for (const change of [0, 5, -3_600_000, 1, 7_200_000]) {
      now += change;
      await here.post(room, 'ada', 'text');
    }
    const times = (await here.log(room)).entries.map((entry) => messageOf(entry).at - 1_800_000_000_000);
    expect(times).toEqual([0, 5, 5, 5, 3_600_006]);
  } finally {
    await opened.close();
  }
});

test('the longest unused device is forgotten, also when the clock stands still or is set back', async () => {
  let now = 1_800_000_000_000;
  const opened = await openLmdb({ now: () => now });
  try {
    const here = new Scene(opened);
    const room = await here.roomOf('ada', 'bob');
    await here.useDevice('bob', 'a', 2);
    await here.useDevice('bob', 'b', 2);
    await here.postMany(room, 'ada', 2);
    await here.moveCursor(room, 'bob', 'a', { epoch: await here.epoch(room), seq: 1 });
    now -= 1_000;
    await here.useDevice('bob', 'a', 2);
    await here.useDevice('bob', 'c', 2);
    expect(await here.cursor(room, 'bob', 'a')).toMatchObject({ seq: 1 });
    expect(await here.cursor(room, 'bob', 'c')).toMatchObject({ seq: 2 });
    // `b` was forgotten: it is new again.
    await here.useDevice('bob', 'b', 2);
    expect(await here.cursor(room, 'bob', 'b')).toMatchObject({ seq: 2 });
  } finally {
    await opened.close();
  }
});
