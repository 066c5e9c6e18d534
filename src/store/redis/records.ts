/** What the scripts answer, read into the words of chat/store.ts. */
import type { EpochMark } from '../../chat/position.ts';
import { isSanctioned, NO_SANCTION, type Sanction } from '../../chat/rights.ts';
import type { Membership, RoomInfo } from '../../chat/store-types.ts';
import type { Position, Role, RoomKind } from '../../protocol/words.ts';

const KINDS: readonly string[] = ['public', 'private', 'direct'] satisfies RoomKind[];
const ROLES: readonly string[] = ['owner', 'admin', 'member'] satisfies Role[];

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

export function roomOf(reply: unknown): RoomInfo {
  const [kind = '', title = '', chain = '', head, first, members, lastAt] = textsOf(reply);
  return {
    kind: kindOf(kind),
    title,
    chain: chainOf(chain),
    head: Number(head),
    first: Number(first),
    members: Number(members),
    lastAt: Number(lastAt),
  };
}

/** Undefined for no member. */
export function memberOf(reply: unknown): Membership | undefined {
  if (reply === '') return undefined;
  const [record = '', cursor = '', unread] = textsOf(reply);
  const member = membershipOf(record);
  return {
    ...member,
    cursor: cursor === '' ? member.point : positionOf(cursor),
    unread: Number(unread),
  };
}

/** `<role> <epoch> <seq> <read> <own texts then> <name>`; the name may hold spaces. */
export function membershipOf(record: string): Pick<Membership, 'role' | 'name' | 'point' | 'read'> {
  const [role = '', epoch = '', seq, read, , ...name] = record.split(' ');
  if (!isRole(role)) throw new Error(`a member with the role ${role}`);
  return { role, name: name.join(' '), point: { epoch, seq: Number(seq) }, read: Number(read) };
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

function isKind(value: string): value is RoomKind {
  return KINDS.includes(value);
}

function isRole(value: string): value is Role {
  return ROLES.includes(value);
}
