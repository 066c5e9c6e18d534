/** The client's own ids: the same (room, sender, id) is stored once (G3). */
import { expect, test } from 'vitest';
import { accepted, textsOf, upTo, type Scene } from './store-scene.ts';

export function idContract(scene: () => Scene): void {
  test('an id that comes again is answered with its first epoch and seq, and nothing is stored', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    const first = (await here.append(room, [here.draft('ada', 'one', 'x')])).results.map(accepted);
    await here.post(room, 'ada', 'two');
    const again = await here.append(room, [here.draft('ada', 'something else', 'x')]);
    expect(again.results).toEqual([{ ...first[0], duplicate: true }]);
    expect(again.batch).toBeUndefined();
    expect(textsOf((await here.log(room)).entries)).toEqual(['one', 'two']);
  });

  test('an id that comes twice in one batch is stored once', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    const { results, batch } = await here.append(room, [
      here.draft('ada', 'one', 'x'),
      here.draft('ada', 'again', 'x'),
      here.draft('ada', 'two', 'y'),
    ]);
    expect(results).toMatchObject([
      { seq: 1, duplicate: false },
      { seq: 1, duplicate: true },
      { seq: 2, duplicate: false },
    ]);
    expect(textsOf(batch?.entries ?? [])).toEqual(['one', 'two']);
  });

  test('a batch of known and new ids stores the new ones only', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.append(room, [here.draft('ada', 'one', 'x')]);
    const { results, batch } = await here.append(room, [
      here.draft('ada', 'two', 'y'),
      here.draft('ada', 'one', 'x'),
      here.draft('ada', 'three', 'z'),
    ]);
    expect(results).toMatchObject([{ seq: 2 }, { seq: 1, duplicate: true }, { seq: 3 }]);
    expect(textsOf(batch?.entries ?? [])).toEqual(['two', 'three']);
  });

  test('the same id of another sender or in another room is another message', async () => {
    const here = scene();
    const [red, blue] = [await here.roomOf('ada', 'bob'), await here.roomOf('ada')];
    const drafts = [here.draft('ada', 'ada', 'x'), here.draft('bob', 'bob', 'x')];
    expect((await here.append(red, drafts)).results).toMatchObject([{ seq: 1 }, { seq: 2 }]);
    const { results } = await here.append(blue, [here.draft('ada', 'blue', 'x')]);
    expect(results).toMatchObject([{ seq: 1, duplicate: false }]);
  });

  test('an id of any printable characters is told from every other', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'a');
    const ids = ['"', '\\', '\\"', '|', 'a|b', 'a b', ' ', ':', '{}', '~'.repeat(64), `","kind":"`, '0'];
    // A sender and an id must not run together either.
    const drafts = [
      ...ids.map((id) => here.draft('ada', id, id)),
      here.draft('a', 'a', 'da 0'),
      here.draft('a', 'a', '|0'),
    ];
    const stored = (await here.append(room, drafts)).results.map(accepted);
    expect(stored.map(({ seq, duplicate }) => [seq, duplicate])).toEqual(
      drafts.map((_, i) => [i + 1, false]),
    );
    const again = (await here.append(room, drafts)).results.map(accepted);
    expect(again.map(({ seq, duplicate }) => [seq, duplicate])).toEqual(drafts.map((_, i) => [i + 1, true]));
  });

  test('an id of a refused draft is not taken', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.append(room, [here.draft('bob', 'too early', 'x')]);
    await here.join(room, 'bob');
    const { results } = await here.append(room, [here.draft('bob', 'now', 'x')]);
    expect(results).toMatchObject([{ ok: true, duplicate: false, seq: 1 }]);
  });

  test('an id outlives leaving and joining again', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.append(room, [here.draft('bob', 'one', 'x')]);
    await here.store.leave(room, 'bob');
    await here.join(room, 'bob');
    const { results } = await here.append(room, [here.draft('bob', 'one', 'x')]);
    expect(results).toMatchObject([{ seq: 1, duplicate: true }]);
  });

  test('one id sent through two handles at once is stored once', async () => {
    const here = scene();
    const other = await here.second();
    const room = await here.roomOf('ada');
    const sent = await Promise.all(
      upTo(20).flatMap((n) =>
        [here.store, other].map(async (store) => {
          const { results } = await here.append(room, [here.draft('ada', `text ${n}`, `id ${n}`)], store);
          return { n, ...accepted(results[0]) };
        }),
      ),
    );
    for (const n of upTo(20)) {
      const pair = sent.filter((result) => result.n === n);
      expect(pair.filter(({ duplicate }) => duplicate)).toHaveLength(1);
      expect(pair[0]?.seq).toBe(pair[1]?.seq);
    }
    expect((await here.info(room)).head).toBe(20);
  });
}
