/**
 * Every key that the chat has in Redis. `docs/redis.md` says the same for operators.
 *
 * All begin `<prefix>:1:`, where 1 is the format. A room's keys share the hash tag `{<namespace>|<room>}`
 * and all exist from the room's creation, so that no step meets a key that is not there yet
 * while its slot moves. A user's share `{u:<namespace>|<user>}`.
 *
 * | key | type | what |
 * |---|---|---|
 * | `<prefix>:format` | string | the format, `1` |
 * | `…{room}:meta` | hash | kind, title, life, chain (`<epoch> <base>` joined by `,`), head, first, members, owners, texts, textsBefore, bytes, lastAt |
 * | `…{room}:log` | stream | `<seq>-0` → `e`: the stored form of chat/entry.ts |
 * | `…{room}:members` | hash | `m:<user>`: `<role> <epoch> <seq> <read> <ownAtRead> <name>` (the membership); `o:<user>`: `<own> <seq of the last own text>`; `c:<user>`: cursors, `<device> <epoch> <seq>` joined by `;`; `-`: holds the place |
 * | `…{room}:names` | sorted set | the members by name, score 0; the empty name holds the place |
 * | `…{room}:ids` | hash | `<from>\0<id>` → `<epoch> <seq> <at>`; `-` holds the place |
 * | `…{room}:gone` | stream | `<seq>-0` → `i`: `<at> <from>\0<id>`, ids whose message retention took |
 * | `…{room}:head` | string | `<epoch> <head>`, read in bulk |
 * | `…{u:user}:index` | hash | `n`: rooms; `r:<room>`: `p <deadline> <nonce>` (pending) or `m <epoch> <seq>` (a member since); `d:<device>`: last use |
 * | `…{u:user}:version` | string | of the index |
 * | `…{l:namespace}:rooms` | sorted set | public rooms by name, score 0 |
 */
import type { RoomId, UserId } from '../../chat/identity.ts';

/** Raised when a release can no longer read what an older one wrote. */
export const FORMAT = '1';

const PREFIX_PATTERN = /^[A-Za-z0-9_.:/-]{1,64}$/;

/** The keys of one room, as every script on rooms takes them. */
export const ROOM_KEYS = ['meta', 'log', 'members', 'names', 'ids', 'gone', 'head'] as const;
export type RoomKey = (typeof ROOM_KEYS)[number];

export class Keys {
  readonly format: string;
  readonly #base: string;

  constructor(prefix: string) {
    if (!PREFIX_PATTERN.test(prefix))
      throw new Error(`the Redis prefix must match ${PREFIX_PATTERN.source}; got ${JSON.stringify(prefix)}`);
    this.format = `${prefix}:format`;
    this.#base = `${prefix}:${FORMAT}:`;
  }

  room(room: RoomId, key: RoomKey): string {
    return `${this.#base}{${room}}:${key}`;
  }

  user(user: UserId, key: 'index' | 'version'): string {
    return `${this.#base}{u:${user}}:${key}`;
  }

  listed(namespace: string): string {
    return `${this.#base}{l:${namespace}}:rooms`;
  }

  /** A key in whichever slot `tag` hashes to, to see whether its server takes writes. */
  ping(tag: string): string {
    return `${this.#base}{${tag}}:ping`;
  }

  /** For SCAN: the meta hashes of all rooms. */
  get metaPattern(): string {
    return `${this.#base.replace(/[*?[\]\\]/g, '\\$&')}{*}:meta`;
  }

  /** The room of a meta key; undefined for any other key. */
  roomOf(metaKey: string): RoomId | undefined {
    const head = `${this.#base}{`;
    const tail = '}:meta';
    if (!metaKey.startsWith(head) || !metaKey.endsWith(tail)) return undefined;
    return metaKey.slice(head.length, -tail.length) as RoomId;
  }
}

/** A Cluster's slot of a key: CRC16 (XMODEM) of its hash tag. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  const tag = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    crc &= 0xffff;
  }
  return crc % 16_384;
}
