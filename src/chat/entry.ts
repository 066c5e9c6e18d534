/**
 * An entry of a room's log, as it is stored, carried between workers and handed on.
 *
 * An entry's JSON is written once, by the worker that took the post; store, adapter and feed
 * pass it on as text. The store adds `seq` and `at` by joining strings. Stored form:
 *
 *     <kind letter>|<texts>|<own>|<at>|<tail>
 *
 * `texts`: text entries of the room up to here. `own`: text entries of this author up to here
 * (both make `unread` exact without counting). `tail`: the message's JSON from `"from":` on.
 */
import type { MessageKind } from '../protocol/words.ts';
import { nameOf, type RoomId } from './identity.ts';

/** A message that is not stored yet: it has no seq. */
export interface Draft {
  /** The author, as the wire names it. */
  readonly from: string;
  /** The client's own id; (room, from, id) is stored once. */
  readonly id: string;
  readonly kind: MessageKind;
  /** The message's JSON after `seq` and `at`: `"from":"ada","id":"1",…}` */
  readonly tail: string;
  /** The entry that it is about; the step that stores it looks whether it may be. */
  readonly about?: Reference | undefined;
  /** A program posts it: its author need not be a member, but in a direct room. */
  readonly byProgram?: true | undefined;
}

/** An entry of the room that another is about (`ref`, `replyTo`). */
export interface Reference {
  readonly seq: number;
  /** Which life of the log it belongs to; undefined: the present one. */
  readonly epoch?: string | undefined;
}

/** What takes a right away, as far as a feed must know. */
export interface SystemAction {
  readonly action: string;
  readonly user?: string;
}

/** A stored entry. */
export interface Entry {
  readonly seq: number;
  /** The whole message as JSON: what a client gets. Contains no newline. */
  readonly json: string;
  /** Only for `system` entries: what they do. */
  readonly system?: SystemAction | undefined;
  /** It takes the text of an earlier one away, which nobody is sent from memory any more. */
  readonly erases?: true | undefined;
}

const LETTERS = { text: 't', edit: 'e', delete: 'd', reaction: 'r', system: 's' } as const satisfies Record<
  MessageKind,
  string
>;

export function kindLetter(kind: MessageKind): string {
  return LETTERS[kind];
}

/** A draft from its fields; undefined fields are left out. The field order is fixed: `from`, `id` first. */
export function draft(
  from: string,
  id: string,
  kind: MessageKind,
  fields: DraftFields,
  epoch?: string,
): Draft {
  const { ref, replyTo, text, data, emoji, on } = fields;
  // What is taken away when it is deleted comes last (`erasedTail`).
  const tail = JSON.stringify({ from, id, kind, ref, replyTo, emoji, on, text, data }).slice(1);
  const seq = ref ?? replyTo;
  return seq === undefined ? { from, id, kind, tail } : { from, id, kind, tail, about: { seq, epoch } };
}

export interface DraftFields {
  readonly text?: string | undefined;
  readonly ref?: number | undefined;
  readonly replyTo?: number | undefined;
  readonly emoji?: string | undefined;
  readonly on?: boolean | undefined;
  readonly data?: unknown;
}

const TEXT_FIELD = ',"text":';
const KIND_FIELD = '","kind":"';

/**
 * The tail of an entry whose message was deleted: who and what it was, without text and data.
 * Cut, not parsed, as the scripts of Redis do it too: no quote stands unescaped in an id.
 */
export function erasedTail(tail: string): string {
  const at = tail.indexOf(TEXT_FIELD, tail.indexOf(KIND_FIELD));
  return at < 0 ? tail : `${tail.slice(0, at)}}`;
}

/** The text of a stored entry's tail; undefined: it has none (any more). */
export function textOfTail(tail: string): string | undefined {
  const { text } = JSON.parse(`{${tail}`) as { text?: unknown };
  return typeof text === 'string' ? text : undefined;
}

/** The stored form (see above). */
export function storedEntry(letter: string, texts: number, own: number, at: number, tail: string): string {
  return `${letter}|${texts}|${own}|${at}|${tail}`;
}

/** The parts of a stored entry. */
export interface StoredParts {
  readonly letter: string;
  readonly texts: number;
  readonly own: number;
  readonly at: number;
  readonly tail: string;
}

export function storedParts(stored: string): StoredParts {
  const a = stored.indexOf('|');
  const b = stored.indexOf('|', a + 1);
  const c = stored.indexOf('|', b + 1);
  const d = stored.indexOf('|', c + 1);
  if (a !== 1 || d < 0) throw new Error(`an entry that is none: ${stored.slice(0, 80)}`);
  return {
    letter: stored.slice(0, a),
    texts: Number(stored.slice(a + 1, b)),
    own: Number(stored.slice(b + 1, c)),
    at: Number(stored.slice(c + 1, d)),
    tail: stored.slice(d + 1),
  };
}

/** Whether a stored entry's author is `user` (a name has no character that JSON escapes). */
export function isFrom(tail: string, user: string): boolean {
  return tail.startsWith(`"from":"${user}",`);
}

/** Entries of one room; made once per batch, so that the room's name is quoted once. */
export class EntryMaker {
  readonly #head: string;

  constructor(room: RoomId) {
    this.#head = `{"room":${JSON.stringify(nameOf(room))},"seq":`;
  }

  make(seq: number, at: number, kind: string, tail: string): Entry {
    const json = `${this.#head}${seq},"at":${at},${tail}`;
    return entryOf(seq, json, kind);
  }

  fromStored(seq: number, stored: string): Entry {
    const { letter, at, tail } = storedParts(stored);
    return this.make(seq, at, letter, tail);
  }
}

/** An entry from its message's JSON and its kind's letter. */
export function entryOf(seq: number, json: string, kind: string): Entry {
  if (kind === LETTERS.system) return { seq, json, system: systemAction(json) };
  return kind === LETTERS.delete ? { seq, json, erases: true } : { seq, json };
}

/** Reads what a `system` entry does; they are rare, so they alone are parsed. */
export function systemAction(json: string): SystemAction {
  const { data } = JSON.parse(json) as { data?: { action?: unknown; user?: unknown } };
  const action = typeof data?.action === 'string' ? data.action : 'unknown';
  return typeof data?.user === 'string' ? { action, user: data.user } : { action };
}
