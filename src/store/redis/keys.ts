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
 * | `…{room}:meta` | hash | kind, title, life, chain (`<epoch> <base>` joined by `,`), head, first, members, owners, texts, textsBefore, bytes, lastAt, sanctions (users with an `x:`); `h:<hook>`: up to where a receiver has it, `<epoch> <seq>` |
 * | `…{room}:log` | stream | `<seq>-0` → `e`: the stored form of chat/entry.ts |
 * | `…{room}:members` | hash | `m:<user>`: `<role> <epoch> <seq> <read> <ownAtRead> <name>` (the membership); `o:<user>`: `<own> <seq of the last own text>`; `c:<user>`: cursors, `<device> <epoch> <seq>` joined by `;`; `x:<user>`: `<muted until> <banned until, 0 for ever, - not> <1: blocked>`; `-`: holds the place |
 * | `…{room}:names` | sorted set | the members by name, score 0; the empty name holds the place |
 * | `…{room}:ids` | hash | `<from>\0<id>` → `<epoch> <seq> <at>`; `<from>\0\0<number>`: the seq of a member's own text; `-` holds the place |
 * | `…{room}:gone` | stream | `<seq>-0` → `i`: `<at> <from>\0<id>`, ids whose message retention took |
 * | `…{room}:amends` | hash | `<seq>` → `e <seqs of its edits, joined by ,>` or `d <what is left of a deleted entry>`; `-` holds the place |
 * | `…{room}:head` | string | `<epoch> <head>`, read in bulk |
 * | `…{u:user}:index` | hash | `n`: rooms; `r:<room>`: `p <deadline> <nonce>` (pending) or `m <epoch> <seq>` (a member since); `d:<device>`: last use; `b:<user>`: blocked since; `bn`: how many; `rv`: tokens issued before are refused |
 * | `…{u:user}:version` | string | of the index |
 * | `…{u:user}:presence` | string | `<last seen>`, then per lease ` <lease>=<o online, a away><connections>@<since>` |
 * | `…{t:<limit>}:used` | string | what of a shared limit's window is taken; gone when that is over |
 * | `…{orders}:log` | stream | `o`: `<disconnect or revoke> <at> <user>`, the newest 10,000 |
 * | `…{leases}:until` | sorted set | leases of workers by when they end, ms since 1970 |
 * | `…{leases}:roles` | hash | role → the lease that has it |
 * | `…{hooks}:since` | hash | receivers of hooks → since when |
 * | `…{lease:<lease>}:users` | set | whom it has entered |
 * | `…{l:namespace}:rooms` | sorted set | public rooms by name, score 0 |
 */
import type { RoomId, UserId } from '../../chat/identity.ts';

/** Raised when a release can no longer read what an older one wrote. */
export const FORMAT = '1';

const PREFIX_PATTERN = /^[A-Za-z0-9_.:/-]{1,64}$/;

/** The keys of one room, as every script on rooms takes them. */
export const ROOM_KEYS = ['meta', 'log', 'members', 'names', 'ids', 'gone', 'head', 'amends'] as const;
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

  user(user: UserId, key: 'index' | 'version' | 'presence'): string {
    return `${this.#base}{u:${user}}:${key}`;
  }

  get leases(): string {
    return `${this.#base}{leases}:until`;
  }

  get roles(): string {
    return `${this.#base}{leases}:roles`;
  }

  get hooks(): string {
    return `${this.#base}{hooks}:since`;
  }

  get orders(): string {
    return `${this.#base}{orders}:log`;
  }

  leaseUsers(lease: string): string {
    return `${this.#base}{lease:${lease}}:users`;
  }

  tokens(key: string): string {
    return `${this.#base}{t:${key}}:used`;
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
