/** Appending: seqs, order, what an entry looks like, and two handles at once. */
import { expect, test } from 'vitest';
import { draft } from '../../src/chat/entry.ts';
import { accepted, messageOf, refusal, seqsOf, textsOf, upTo, type Scene } from './store-scene.ts';

export function appendContract(scene: () => Scene): void {
  test('the drafts of a room get seqs 1, 2, 3 in the order given', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    const drafts = ['one', 'two', 'three'].map((text) => here.draft('ada', text));
    const { results, batch } = await here.append(room, drafts);
    expect(seqsOf(results.map(accepted))).toEqual([1, 2, 3]);
    expect(seqsOf(batch?.entries ?? [])).toEqual([1, 2, 3]);
    expect(textsOf(batch?.entries ?? [])).toEqual(['one', 'two', 'three']);
  });

  test('the seqs of the next append go on where the last ended', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.post(room, 'ada', 'one', 'two');
    expect(seqsOf(await here.post(room, 'ada', 'three', 'four'))).toEqual([3, 4]);
    expect(textsOf((await here.log(room)).entries)).toEqual(['one', 'two', 'three', 'four']);
  });

  test('one call stores batches of many rooms, answered in their order, each with seqs of its own', async () => {
    const here = scene();
    const [red, blue] = [await here.roomOf('ada'), await here.roomOf('ada')];
    await here.post(blue, 'ada', 'before');
    const { rooms, durable } = await here.store.append([
      { room: red, drafts: [here.draft('ada', 'r1'), here.draft('ada', 'r2')] },
      { room: blue, drafts: [here.draft('ada', 'b2')] },
    ]);
    await durable;
    expect(rooms).toMatchObject([
      { room: red, results: [{ seq: 1 }, { seq: 2 }], batch: { entries: [{ seq: 1 }, { seq: 2 }] } },
      { room: blue, results: [{ seq: 2 }], batch: { entries: [{ seq: 2 }] } },
    ]);
  });

  test('nothing to append is answered with nothing', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    expect((await here.store.append([])).rooms).toEqual([]);
    expect(await here.append(room, [])).toEqual({ room, results: [], batch: undefined });
    expect((await here.info(room)).head).toBe(0);
  });

  test('an entry is the message as a client gets it, without the namespace', async () => {
    const here = scene();
    const room = here.room('tea.room_1');
    await here.join(room, 'ada@x.y');
    await here.post(room, 'ada@x.y', 'first');
    const made = draft('ada@x.y', 'my id', 'text', { text: 'hi', replyTo: 1, data: { a: [1, null] } });
    const { results, batch } = await here.append(room, [made]);
    const { at } = accepted(results[0]);
    const message = {
      room: 'tea.room_1',
      seq: 2,
      id: 'my id',
      from: 'ada@x.y',
      at,
      kind: 'text',
      text: 'hi',
      replyTo: 1,
      data: { a: [1, null] },
    };
    expect(batch?.entries.map(messageOf)).toEqual([message]);
    expect((await here.log(room)).entries.slice(1)).toEqual(batch?.entries);
  });

  test('a text comes back as it was, whatever is in it', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    const texts = [
      '',
      '|',
      'a|b\\c"d',
      'line\nline\r\n\u2028\u2029',
      '\u0000\u001f\u007f',
      'žluť 漢字 👩‍👩‍👧',
      '\ud800',
      '%s $1 {}',
      `"from":"bob",`,
    ];
    await here.post(room, 'ada', ...texts);
    const { entries } = await here.log(room);
    expect(textsOf(entries)).toEqual(texts);
    expect(entries.filter((entry) => entry.json.includes('\n'))).toEqual([]);
  });

  test('who is not a member is refused, and no seq is lost to that', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    const { results, batch } = await here.append(room, [
      here.draft('ada', 'one'),
      here.draft('eve', 'no'),
      here.draft('ada', 'two'),
    ]);
    expect(results).toMatchObject([{ seq: 1 }, { ok: false, code: 'not_found' }, { seq: 2 }]);
    expect(textsOf(batch?.entries ?? [])).toEqual(['one', 'two']);
  });

  test('a room that does not exist refuses, and is not made by that', async () => {
    const here = scene();
    const room = here.room('nowhere');
    const { results, batch } = await here.append(room, [here.draft('ada', 'one')]);
    expect(results).toMatchObject([{ ok: false, code: 'not_found' }]);
    expect(batch).toBeUndefined();
    expect(await here.store.views('ada', undefined, [room])).toEqual([undefined]);
    await expect(here.log(room)).rejects.toMatchObject(refusal('not_found'));
  });

  test('who left is refused', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.store.leave(room, 'bob');
    const { results } = await here.append(room, [here.draft('bob', 'late')]);
    expect(results).toMatchObject([{ ok: false, code: 'not_found' }]);
    expect((await here.info(room)).head).toBe(1);
  });

  test('`at` is the time of the commit and never goes back', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    const before = Date.now();
    for (let i = 0; i < 20; i += 1) await here.post(room, 'ada', 'a', 'b');
    const times = (await here.log(room)).entries.map((entry) => messageOf(entry).at);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThan(before - 1_000);
    expect(times.at(-1)).toBeLessThan(Date.now() + 1_000);
    expect((await here.info(room)).lastAt).toBe(times.at(-1));
  });

  test('a commit resolves as durable as the store says it is', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    const { durable } = await here.store.append([{ room, drafts: [here.draft('ada', 'one')] }]);
    expect(await durable).toBe(here.store.durability);
  });

  test('what is appended is seen at once through every handle', async () => {
    const here = scene();
    const other = await here.second();
    const room = await here.roomOf('ada');
    for (let n = 1; n <= 20; n += 1) {
      await here.store.append([{ room, drafts: [here.draft('ada', `text ${n}`)] }]);
      expect((await other.heads([room]))[0]?.head).toBe(n);
      expect((await here.log(room, other)).entries).toHaveLength(n);
    }
  });

  test('two handles that append to one room at once never share a seq and leave no hole', async () => {
    const here = scene();
    const other = await here.second();
    const room = await here.roomOf('ada', 'bob');
    const given = new Map<number, string>();
    const append = async (store: typeof other, from: string): Promise<void> => {
      for (let round = 0; round < 25; round += 1) {
        const drafts = upTo(4).map((n) => here.draft(from, `${from} ${round}.${n}`));
        const { results } = await here.append(room, drafts, store);
        for (const [i, result] of results.entries()) given.set(accepted(result).seq, drafts[i]?.id ?? '');
      }
    };
    await Promise.all([append(here.store, 'ada'), append(other, 'bob')]);
    const { entries } = await here.log(room);
    expect(seqsOf(entries)).toEqual(upTo(200));
    expect(entries.map((entry) => messageOf(entry).id)).toEqual(upTo(200).map((seq) => given.get(seq)));
    for (const user of ['ada', 'bob']) {
      const own = entries.filter((entry) => messageOf(entry).from === user);
      expect(textsOf(own)).toEqual(upTo(100, 0).map((i) => `${user} ${Math.floor(i / 4)}.${(i % 4) + 1}`));
    }
  });

  test('a batch of a thousand, and of large messages, is stored whole', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    expect(seqsOf(await here.postMany(room, 'ada', 1_000))).toEqual(upTo(1_000));
    const large = upTo(20).map((n) => String(n % 10).repeat(16_384));
    await here.post(room, 'ada', ...large);
    const page = await here.page(room, { epoch: await here.epoch(room), seq: 1_000 });
    expect(textsOf(page.entries)).toEqual(large);
  });

  test('the same room name in another namespace is another room', async () => {
    const [here, there] = [scene(), scene()];
    await here.join(here.room(), 'ada');
    await there.join(there.room(), 'ada');
    await here.post(here.room(), 'ada', 'here');
    expect((await there.log(there.room())).entries).toEqual([]);
    expect(seqsOf(await there.post(there.room(), 'ada', 'there'))).toEqual([1]);
  });

  test('heads come in the order asked, undefined for a room that does not exist', async () => {
    const here = scene();
    const [red, blue] = [await here.roomOf('ada'), await here.roomOf('ada')];
    await here.postMany(red, 'ada', 3);
    const heads = await here.store.heads([blue, here.room('nowhere'), red]);
    expect(heads).toEqual([
      { epoch: await here.epoch(blue), head: 0 },
      undefined,
      { epoch: await here.epoch(red), head: 3 },
    ]);
  });
}
