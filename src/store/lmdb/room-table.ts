/**
 * The rooms' records as LMDB holds them: `<head> <present epoch>`, a newline, and the record's
 * JSON. Heads are read for thousands of rooms again and again, so they are read without
 * parsing what follows, which grows with the chain of epochs.
 */
import type { Database } from 'lmdb';
import type { RoomId } from '../../chat/identity.ts';
import { presentEpoch } from '../../chat/position.ts';
import type { RoomHead } from '../../chat/store-types.ts';
import type { RoomRecord } from './records.ts';

export interface RoomRange {
  readonly start?: RoomId;
  readonly end?: RoomId;
  readonly exclusiveStart?: boolean;
  readonly limit?: number;
}

export class RoomTable {
  readonly #texts: Database<string, RoomId>;

  constructor(texts: Database<string, RoomId>) {
    this.#texts = texts;
  }

  get(room: RoomId): RoomRecord | undefined {
    const text = this.#texts.get(room);
    return text === undefined ? undefined : parse(text);
  }

  head(room: RoomId): RoomHead | undefined {
    const text = this.#texts.get(room);
    if (text === undefined) return undefined;
    const space = text.indexOf(' ');
    return { epoch: text.slice(space + 1, text.indexOf('\n')), head: Number(text.slice(0, space)) };
  }

  /** Inside a write transaction. */
  put(room: RoomId, record: RoomRecord): void {
    const text = `${record.head} ${presentEpoch(record.chain)}\n${JSON.stringify(record)}`;
    void this.#texts.put(room, text);
  }

  /** Inside a write transaction. */
  remove(room: RoomId): void {
    void this.#texts.remove(room);
  }

  /** In the order of their ids. */
  *range(range: RoomRange): Generator<{ readonly key: RoomId; readonly value: RoomRecord }> {
    for (const { key, value } of this.#texts.getRange(range)) yield { key, value: parse(value) };
  }
}

function parse(text: string): RoomRecord {
  return JSON.parse(text.slice(text.indexOf('\n') + 1)) as RoomRecord;
}
