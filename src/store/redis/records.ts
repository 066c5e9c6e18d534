/** What the scripts answer, read into the words of chat/store.ts. */
import { isFrom, storedParts } from '../../chat/entry.ts';
import type { EpochMark } from '../../chat/position.ts';
import { isSanctioned, NO_SANCTION, type Sanction } from '../../chat/rights.ts';
import type { Membership, RoomInfo } from '../../chat/store-types.ts';
import type { Position, Role, RoomKind } from '../../protocol/words.ts';

const KINDS: readonly string[] = ['public', 'private', 'direct'] satisfies RoomKind[];
const ROLES: readonly string[] = ['owner', 'admin', 'member'] satisfies Role[];

/** A room, with the counts that only the store uses. */
export interface RoomRecord extends RoomInfo {
  readonly texts: number;
}

/** A membership before its unread count and its cursor are known. */
export interface MemberRecord {
  readonly role: Role;
  readonly name: string;
  readonly point: Position;
  readonly read: number;
  readonly ownAtRead: number;
  readonly own: number;
  /** Seq of the last own text, 0 without one. */
  readonly lastOwn: number;
  readonly cursor: Position | undefined;
  /** Texts of the room up to `read`, or to before `first` where that is later. */
  readonly textsAtRead: number;
}

export function listOf(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new Error(`Redis answered ${String(reply)} where a list was due`);
  return reply;
}

export function textOf(reply: unknown): string {
  if (typeof reply === 'string') return reply;
  if (typeof reply === 'number') return String(reply);
  throw new Error(`Redis answered ${String(reply)} where text was due`);
}

export function textsOf(reply: unknown): string[] {
  return listOf(reply).map(textOf);
}

/** `<epoch> <base>` joined by commas. */
export function chainOf(text: string): EpochMark[] {
  return text.split(',').map((mark) => {
    const [epoch = '', base] = mark.split(' ');
    return { epoch, base: Number(base) };
  });
}

/** `<epoch> <seq>` */
export function positionOf(text: string): Position {
  const [epoch = '', seq] = text.split(' ');
  return { epoch, seq: Number(seq) };
}

export function roomOf(reply: unknown): RoomRecord {
  const [kind = '', title = '', chain = '', head, first, members, texts, , lastAt] = textsOf(reply);
  return {
    kind: kindOf(kind),
    title,
    chain: chainOf(chain),
    head: Number(head),
    first: Number(first),
    members: Number(members),
    texts: Number(texts),
    lastAt: Number(lastAt),
  };
}

/** Undefined for no member. */
export function memberOf(reply: unknown): MemberRecord | undefined {
  if (reply === '') return undefined;
  const [record = '', counts = '', cursor = '', textsAtRead] = textsOf(reply);
  const [own, lastOwn] = counts.split(' ');
  return {
    ...membershipOf(record),
    own: Number(own),
    lastOwn: Number(lastOwn),
    cursor: cursor === '' ? undefined : positionOf(cursor),
    textsAtRead: Number(textsAtRead),
  };
}

/** `<role> <epoch> <seq> <read> <ownAtRead> <name>`; the name may hold spaces. */
export function membershipOf(
  record: string,
): Pick<MemberRecord, 'role' | 'name' | 'point' | 'read' | 'ownAtRead'> {
  const [role = '', epoch = '', seq, read, ownAtRead, ...name] = record.split(' ');
  if (!isRole(role)) throw new Error(`a member with the role ${role}`);
  return {
    role,
    name: name.join(' '),
    point: { epoch, seq: Number(seq) },
    read: Number(read),
    ownAtRead: Number(ownAtRead),
  };
}

/** `<muted until> <banned until, 0 for ever, - not> <1: blocked>`; empty for none. */
export function sanctionOf(text: string): Sanction {
  if (text === '') return NO_SANCTION;
  const [mutedUntil, bannedUntil, blocked] = text.split(' ');
  return {
    mutedUntil: Number(mutedUntil),
    bannedUntil: bannedUntil === '-' ? undefined : Number(bannedUntil),
    isBlocked: blocked === '1' ? true : undefined,
  };
}

export function sanctionText(sanction: Sanction): string {
  if (!isSanctioned(sanction)) return '';
  const { mutedUntil, bannedUntil, isBlocked } = sanction;
  return `${mutedUntil} ${bannedUntil ?? '-'} ${isBlocked === true ? 1 : 0}`;
}

export function roleOf(text: string): Role | undefined {
  return isRole(text) ? text : undefined;
}

export function kindOf(text: string): RoomKind {
  if (!isKind(text)) throw new Error(`a room of kind ${text}`);
  return text;
}

/** The own texts that lie at or before the place where unread begins; undefined: they must be counted. */
export function ownBefore(room: RoomRecord, member: MemberRecord): number | undefined {
  const from = unreadFrom(room, member);
  if (from === member.read) return member.ownAtRead;
  return member.lastOwn <= from ? member.own : undefined;
}

/** Unread is what lies after this seq. */
export function unreadFrom(room: RoomRecord, member: MemberRecord): number {
  return Math.max(member.read, room.first - 1);
}

export function toMembership(room: RoomRecord, member: MemberRecord, before: number): Membership {
  const { role, name, point, read, cursor = point } = member;
  const unread = read >= room.head ? 0 : room.texts - member.textsAtRead - (member.own - before);
  return { role, name, point, read, cursor, unread };
}

export function toInfo({ kind, title, chain, head, first, members, lastAt }: RoomRecord): RoomInfo {
  return { kind, title, chain, head, first, members, lastAt };
}

/** What an own entry says of the own texts before it; undefined for any other entry. */
export function ownBeforeEntry(stored: string, user: string): number | undefined {
  if (!stored.startsWith('t')) return undefined;
  const { own, tail } = storedParts(stored);
  return isFrom(tail, user) ? own - 1 : undefined;
}

function isKind(value: string): value is RoomKind {
  return KINDS.includes(value);
}

function isRole(value: string): value is Role {
  return ROLES.includes(value);
}
