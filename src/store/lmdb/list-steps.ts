/** Lists, a page at a time; each inside one snapshot. */
import { nameOf, type RoomId } from '../../chat/identity.ts';
import { presentEpoch } from '../../chat/position.ts';
import type { Actor } from '../../chat/rights.ts';
import type { ListedMember, ListedRoom, ListPage, ScannedRoom } from '../../chat/store-types.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Environment } from './environment.ts';
import { memberIn } from './govern-step.ts';

export function listRooms(
  env: Environment,
  namespace: string,
  cursor: string | undefined,
  limit: number,
): ListPage<ListedRoom> {
  const items: ListedRoom[] = [];
  const start = `${namespace}|${cursor ?? ''}` as RoomId;
  for (const room of env.listed.getKeys({ start, end: `${namespace}}` as RoomId })) {
    const record = nameOf(room) === cursor ? undefined : env.rooms.get(room);
    if (record?.kind !== 'public') continue;
    if (items.length === limit) return { items, cursor: items.at(-1)?.room };
    items.push({ room: nameOf(room), title: record.title, members: record.members, head: record.head });
  }
  return { items, cursor: undefined };
}

export function listMembers(
  env: Environment,
  room: RoomId,
  asker: Actor,
  {
    cursor,
    limit,
    now,
  }: { readonly cursor: string | undefined; readonly limit: number; readonly now: number },
): ListPage<ListedMember> {
  const record = env.rooms.get(room);
  const isAllowed = asker === 'server' || env.members.get([room, asker.user]) !== undefined;
  if (record === undefined || !isAllowed)
    throw new ChatError('not_found', 'no such room, or you are not a member of it');
  const items: ListedMember[] = [];
  for (const [, user] of env.members.getKeys({ start: [room, cursor ?? ''], end: [room, '\uffff'] })) {
    if (user === cursor) continue;
    if (items.length === limit) return { items, cursor: items.at(-1)?.user };
    items.push(memberIn(env, room, record, user, now));
  }
  return { items, cursor: undefined };
}

export function memberNames(
  env: Environment,
  room: RoomId,
  after: string | undefined,
  limit: number,
): string[] {
  const names: string[] = [];
  const start: [RoomId, string] = [room, after ?? ''];
  for (const [, user] of env.members.getKeys({ start, end: [room, '\uffff'], limit: limit + 1 }))
    if (user !== after && names.length < limit) names.push(user);
  return names;
}

export function scannedRooms(env: Environment, after: RoomId | undefined, limit: number): ScannedRoom[] {
  const range = after === undefined ? {} : { start: after, exclusiveStart: true };
  return [...env.rooms.range({ ...range, limit })].map(({ key, value }) => ({
    room: key,
    epoch: presentEpoch(value.chain),
    head: value.head,
  }));
}
