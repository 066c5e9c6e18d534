/** An entry's stored form, and its JSON. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  draft,
  EntryMaker,
  isFrom,
  kindLetter,
  storedEntry,
  storedParts,
  systemAction,
} from '../../src/chat/entry.ts';
import { roomId } from '../../src/chat/identity.ts';
import { authorOf } from '../../src/store/author.ts';

const ROOM = roomId('/acme', 'tea');
const KINDS = ['text', 'edit', 'delete', 'reaction', 'system'] as const;

/** Printable ASCII, as the protocol allows it for an id. */
const anyId = fc.stringMatching(/^[\x20-\x7e]{1,64}$/);
const anyUser = fc.stringMatching(/^[A-Za-z0-9_.@-]{1,64}$/);

test('a draft begins with its author and id, and leaves out what it does not have', () => {
  expect(draft('ada', 'x', 'text', { text: 'hi', replyTo: undefined })).toEqual({
    from: 'ada',
    id: 'x',
    kind: 'text',
    tail: '"from":"ada","id":"x","kind":"text","text":"hi"}',
  });
});

test('each kind has a letter of its own', () => {
  expect(new Set(KINDS.map(kindLetter)).size).toBe(KINDS.length);
});

test('an entry is the message of its draft with room, seq and time, whatever was posted', () => {
  fc.assert(
    fc.property(
      anyUser,
      anyId,
      fc.string({ unit: 'binary' }),
      fc.jsonValue(),
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1 }),
      fc.nat(),
      (from, id, text, data, texts, own, seq, at) => {
        const { tail } = draft(from, id, 'text', { text, data });
        const stored = storedEntry('t', texts, own, at, tail);
        expect(storedParts(stored)).toEqual({ letter: 't', texts, own, at, tail });
        const entry = new EntryMaker(ROOM).fromStored(seq, stored);
        expect(entry.json).not.toContain('\n');
        const message = { room: 'tea', seq, at, from, id, kind: 'text', text, data };
        expect(JSON.parse(entry.json)).toEqual(JSON.parse(JSON.stringify(message)));
        expect(entry).not.toHaveProperty('system');
      },
    ),
  );
});

test('a stored entry is told by its author, not by what it quotes', () => {
  fc.assert(
    fc.property(anyUser, anyUser, anyId, (from, other, id) => {
      const { tail } = draft(from, id, 'text', { text: `"from":"${other}",` });
      expect(isFrom(tail, from)).toBe(true);
      expect(isFrom(tail, other)).toBe(other === from);
    }),
  );
});

test('author and id are read from a tail, whatever the id is', () => {
  fc.assert(
    fc.property(anyUser, anyId, fc.string(), (from, id, text) => {
      expect(authorOf(draft(from, id, 'text', { text }).tail)).toEqual({ from, id });
    }),
  );
  expect(() => authorOf('"kind":"text"}')).toThrow('no author');
});

test('a system entry says what it does and to whom', () => {
  const { tail } = draft('ada', 'x', 'system', { data: { action: 'left', user: 'ada' } });
  const entry = new EntryMaker(ROOM).make(7, 1, 's', tail);
  expect(entry.system).toEqual({ action: 'left', user: 'ada' });
});

test.each([
  ['no data', {}, { action: 'unknown' }],
  ['data that is none', { data: 7 }, { action: 'unknown' }],
  ['no user', { data: { action: 'set', title: 'Tea' } }, { action: 'set' }],
])('a system entry with %s is read all the same', (_, fields, action) => {
  expect(systemAction(JSON.stringify(fields))).toEqual(action);
});

test.each(['', 't', 't|1|2|3', '|1|2|3|{}', 'text|1|2|3|{}'])('%j is no stored entry', (stored) => {
  expect(() => storedParts(stored)).toThrow('an entry that is none');
});
