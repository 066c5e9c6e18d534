/** Entries about others: edits, deletes, reactions, replies, and what is left of what was deleted. */
import { expect, test } from 'vitest';
import { draft, type Draft, type DraftFields } from '../../src/chat/entry.ts';
import type { RoomId } from '../../src/chat/identity.ts';
import type { MessageKind } from '../../src/protocol/words.ts';
import { accepted, messageOf, textsOf, upTo, type Scene } from './store-scene.ts';

let ids = 0;

function about(from: string, kind: MessageKind, fields: DraftFields, epoch?: string): Draft {
  return draft(from, `about-${(ids += 1)}`, kind, fields, epoch);
}

const edit = (from: string, ref: number, text: string, epoch?: string): Draft =>
  about(from, 'edit', { ref, text }, epoch);
const erase = (from: string, ref: number, epoch?: string): Draft => about(from, 'delete', { ref }, epoch);
const react = (from: string, ref: number): Draft => about(from, 'reaction', { ref, emoji: '👍', on: true });
const reply = (from: string, replyTo: number): Draft => about(from, 'text', { replyTo, text: 'a reply' });

export function amendmentContract(scene: () => Scene): void {
  const store = async (here: Scene, room: RoomId, ...drafts: Draft[]) => {
    const { results } = await here.append(room, drafts);
    return results.map((result) => (result.ok ? result.seq : result.code));
  };
  const history = (here: Scene, room: RoomId) => here.store.history(room, { user: 'ada', limit: 100 });

  test('a page of history is no longer for what its entries were edited to', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 20);
    // Twenty of these are more than a page may be.
    const long = 'x'.repeat(100_000);
    for (const seq of upTo(20)) await store(here, room, edit('ada', seq, long));
    const page = (request: object) => here.store.history(room, { user: 'ada', limit: 20, ...request });
    const [newest, oldest] = [await page({ before: 21 }), await page({ after: 0, before: 21 })];
    for (const { entries, edited, more } of [newest, oldest]) {
      expect(more).toBe(true);
      expect(entries.length).toBeGreaterThan(5);
      expect(entries.length).toBeLessThan(12);
      expect(edited.map(({ seq }) => seq)).toEqual(entries.map(({ seq }) => seq));
    }
    expect(newest.entries.at(-1)?.seq).toBe(20);
    expect(oldest.entries[0]?.seq).toBe(1);
    // Catching up shows the log as it is.
    expect((await here.log(room)).entries).toHaveLength(40);
  });

  test('an edit, a reaction and a reply are entries of their own', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.post(room, 'ada', 'one');
    expect(await store(here, room, edit('ada', 1, 'uno'), react('bob', 1), reply('bob', 1))).toEqual([
      2, 3, 4,
    ]);
    const { entries } = await here.log(room);
    expect(entries.map(messageOf)).toMatchObject([
      { seq: 1, kind: 'text', text: 'one' },
      { seq: 2, kind: 'edit', ref: 1, text: 'uno', from: 'ada' },
      { seq: 3, kind: 'reaction', ref: 1, emoji: '👍', on: true },
      { seq: 4, kind: 'text', replyTo: 1, text: 'a reply' },
    ]);
  });

  test('history says what an edited message is now, and when that was', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.post(room, 'ada', 'one', 'two', 'three');
    expect((await history(here, room)).edited).toEqual([]);
    await store(here, room, edit('ada', 2, 'zwei'), edit('ada', 2, 'due'), edit('ada', 3, 'tre'));
    const page = await history(here, room);
    const at = (seq: number) => messageOf(page.entries[seq - 1] ?? { json: '{}' }).at;
    expect(page.edited).toEqual([
      { seq: 2, text: 'due', at: at(5) },
      { seq: 3, text: 'tre', at: at(6) },
    ]);
    // The log itself stays as it was written.
    expect(textsOf((await here.log(room)).entries)).toEqual(['one', 'two', 'three', 'zwei', 'due', 'tre']);
    const part = await here.store.history(room, { user: 'ada', limit: 1, before: 3 });
    expect(part.edited).toMatchObject([{ seq: 2, text: 'due' }]);
  });

  test('a delete takes text and data of the message and of its edits away, and nothing else', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    const secret = draft('ada', 'a "quoted" id', 'text', { text: 'secret, ","text":"', data: { a: 1 } });
    await store(
      here,
      room,
      here.draft('ada', 'first'),
      secret,
      edit('ada', 2, 'secret too'),
      react('bob', 2),
    );
    const before = await here.log(room);
    expect(await store(here, room, erase('ada', 2))).toEqual([5]);
    for (const page of [await here.log(room), await history(here, room)]) {
      expect(page.entries.map(({ seq }) => seq)).toEqual(upTo(5));
      const [first, second, third, fourth, fifth] = page.entries.map(messageOf);
      expect([first, fourth]).toEqual([before.entries[0], before.entries[3]].map((e) => e && messageOf(e)));
      const { text: _, data: __, ...left } = messageOf(before.entries[1] ?? { json: '{}' });
      expect(second).toEqual(left);
      expect(third).toMatchObject({ kind: 'edit', ref: 2, from: 'ada' });
      expect(third?.text).toBeUndefined();
      expect(fifth).toMatchObject({ kind: 'delete', ref: 2 });
    }
    expect((await history(here, room)).edited).toEqual([]);
    expect((await here.log(room)).entries.some(({ json }) => json.includes('secret'))).toBe(false);
  });

  test('what is left of a reply that was deleted still says what it replied to', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await store(here, room, here.draft('ada', 'one'), reply('ada', 1), erase('ada', 2));
    const [, second] = (await here.log(room)).entries;
    expect(messageOf(second ?? { json: '{}' })).toMatchObject({ kind: 'text', replyTo: 1 });
  });

  test('pages go over what was deleted, in both directions, however much it is', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 300);
    await here.append(
      room,
      upTo(150, 76).map((seq) => erase('ada', seq)),
    );
    const { entries } = await here.log(room);
    expect(entries.map(({ seq }) => seq)).toEqual(upTo(450));
    expect(entries.filter((entry) => messageOf(entry).text !== undefined)).toHaveLength(150);
    for (const request of [{ before: 240 }, { after: 60 }]) {
      const page = await here.store.history(room, { user: 'ada', limit: 100, ...request });
      const first = request.before === undefined ? 61 : 140;
      expect(page.entries.map(({ seq }) => seq)).toEqual(upTo(100, first));
    }
  });

  test('what was deleted, never was or is no message cannot be referred to', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await store(
      here,
      room,
      here.draft('ada', 'one'),
      here.draft('ada', 'two'),
      erase('ada', 1),
      edit('ada', 2, 'x'),
    );
    await here.store.leave(room, 'bob');
    for (const seq of [1, 3, 4, 5, 6, 99]) {
      const made = [edit('ada', seq, 'x'), erase('ada', seq), react('ada', seq), reply('ada', seq)];
      expect(await store(here, room, ...made)).toEqual(made.map(() => 'not_found'));
    }
    expect((await here.info(room)).head).toBe(5);
  });

  test('within one batch each entry sees what came before it', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    const made = [
      here.draft('ada', 'one'),
      edit('ada', 1, 'uno'),
      erase('ada', 1),
      react('ada', 1),
      edit('ada', 1, 'x'),
    ];
    expect(await store(here, room, ...made)).toEqual([1, 2, 3, 'not_found', 'not_found']);
    expect(textsOf((await here.log(room)).entries)).toEqual([undefined, undefined, undefined]);
  });

  test('only its author edits a message; an owner may delete it', async () => {
    const here = scene();
    const room = here.room();
    await here.create(room, 'owner', 'public');
    await here.join(room, 'bob');
    await here.join(room, 'eve');
    await here.post(room, 'bob', 'one', 'two');
    expect(await store(here, room, edit('eve', 1, 'x'), edit('owner', 1, 'x'), erase('eve', 1))).toEqual([
      'forbidden',
      'forbidden',
      'forbidden',
    ]);
    expect(await store(here, room, erase('owner', 1), erase('bob', 2))).toEqual([3, 4]);
  });

  test('an admin deletes what others wrote, until they are none any more', async () => {
    const here = scene();
    const room = await here.roomOf('bob', 'eve');
    const become = (role: 'admin' | 'member') =>
      here.store.govern(
        room,
        'server',
        { do: 'member', user: 'eve', role },
        { maxRoomsPerUser: 10, maxSanctions: 10 },
      );
    await here.post(room, 'bob', 'one', 'two');
    await become('admin');
    expect(await store(here, room, edit('eve', 1, 'x'), erase('eve', 1))).toEqual(['forbidden', 4]);
    await become('member');
    expect(await store(here, room, erase('eve', 2))).toEqual(['forbidden']);
    expect(textsOf((await here.log(room)).entries.slice(0, 2))).toEqual([undefined, 'two']);
  });

  test('the same edit sent again is stored once', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.post(room, 'ada', 'one');
    const same = erase('ada', 1);
    expect(await store(here, room, same, same)).toEqual([2, 2]);
    const { results } = await here.append(room, [same]);
    expect(accepted(results[0])).toMatchObject({ seq: 2, duplicate: true });
    expect((await here.info(room)).head).toBe(2);
  });

  test('a message has a bounded number of edits', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.post(room, 'ada', 'one');
    const seqs = await store(here, room, ...upTo(1_001).map((n) => edit('ada', 1, `${n}`)));
    expect(seqs.slice(-2)).toEqual([1_001, 'too_large']);
    expect((await history(here, room)).edited).toMatchObject([]);
    expect(await here.store.history(room, { user: 'ada', limit: 1, before: 2 })).toMatchObject({
      edited: [{ seq: 1, text: '1000' }],
    });
    expect(await store(here, room, erase('ada', 1))).toEqual([1_002]);
    expect(textsOf((await here.log(room)).entries).every((text) => text === undefined)).toBe(true);
  });

  test('in a private room nothing from before the membership can be referred to', async () => {
    const here = scene();
    const room = here.room();
    await here.create(room, 'ada', 'private');
    await here.post(room, 'ada', 'before');
    const act = { do: 'member', user: 'bob' } as const;
    await here.store.govern(room, { user: 'ada' }, act, { maxRoomsPerUser: 10, maxSanctions: 10 });
    await here.post(room, 'ada', 'after');
    expect(await store(here, room, react('bob', 1), reply('bob', 1), react('bob', 3))).toEqual([
      'not_found',
      'not_found',
      4,
    ]);
  });

  test('a seq of another epoch than the present one is a conflict', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.post(room, 'ada', 'one');
    const old = await here.epoch(room);
    expect(await store(here, room, react('ada', 1), edit('ada', 1, 'x', old))).toEqual([2, 3]);
    await here.newLife();
    expect(
      await store(here, room, edit('ada', 1, 'y', old), erase('ada', 1, await here.epoch(room))),
    ).toEqual(['conflict', 4]);
  });

  test('unread counts what was deleted, and not what is about it', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.post(room, 'ada', 'one', 'two', 'three');
    await store(here, room, edit('ada', 1, 'uno'), react('ada', 2), erase('ada', 2));
    expect(await here.unread(room, 'bob')).toBe(3);
    await here.store.markRead(room, 'bob', 2);
    expect(await here.unread(room, 'bob')).toBe(1);
    expect(await here.unread(room, 'ada')).toBe(0);
  });

  test('retention takes what was edited and deleted like everything else', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.post(room, 'ada', 'one', 'two', 'three');
    await store(here, room, edit('ada', 2, 'due'), erase('ada', 1), edit('ada', 3, 'tre'));
    await here.retain({ maxMessages: 4 });
    expect(await here.info(room)).toMatchObject({ first: 3, head: 6 });
    expect(await store(here, room, edit('ada', 2, 'x'), erase('ada', 1))).toEqual(['not_found', 'not_found']);
    expect((await history(here, room)).edited).toMatchObject([{ seq: 3, text: 'tre' }]);
    expect(await here.unread(room, 'bob')).toBe(1);
    await here.retain({ maxMessages: 1 });
    expect(await here.info(room)).toMatchObject({ first: 6 });
  });
}
