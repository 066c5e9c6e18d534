/** Reads of one snapshot: pages, history, views. */
import { EntryMaker, storedParts, type Entry } from '../../chat/entry.ts';
import type { RoomId } from '../../chat/identity.ts';
import { settle } from '../../chat/position.ts';
import type {
  Edited,
  HistoryPage,
  HistoryRequest,
  Membership,
  Page,
  PageRequest,
  RoomInfo,
  RoomView,
} from '../../chat/store-types.ts';
import { editedBetween } from './about-step.ts';
import type { Environment } from './environment.ts';
import { own, type MemberRecord, type RoomRecord } from './records.ts';

/** Bytes of one page of history; pages of `page` bring their own limit. */
const MAX_HISTORY_BYTES = 1_048_576;

export function infoOf({ kind, title, chain, head, first, members, lastAt }: RoomRecord): RoomInfo {
  return { kind, title, chain, head, first, members, lastAt };
}

export function viewOf(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  user: string | undefined,
  device: string | undefined,
): RoomView {
  const member = user === undefined ? undefined : env.members.get([room, user]);
  return {
    info: infoOf(record),
    membership:
      member === undefined ? undefined : membershipOf(env, room, record, user ?? '', member, device),
  };
}

function membershipOf(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  user: string,
  member: MemberRecord,
  device: string | undefined,
): Membership {
  const { role, name, point, read } = member;
  const cursor = (device === undefined ? undefined : own(member.cursors, device)) ?? point;
  return { role, name, point, read, cursor, unread: unreadOf(env, room, record, user, member) };
}

/** All texts after `read` less the user's own; both from running counts, not by counting. */
function unreadOf(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  user: string,
  member: MemberRecord,
): number {
  if (member.read >= record.head) return 0;
  const from = Math.max(member.read, record.first - 1);
  const ownBefore = from === member.read ? member.ownAtRead : countOwn(env, room, user, member, from);
  return record.texts - textsUpTo(env, room, record, from) - (member.own - ownBefore);
}

function textsUpTo(env: Environment, room: RoomId, record: RoomRecord, seq: number): number {
  if (seq < record.first) return record.textsBefore;
  const stored = env.log.get([room, seq]);
  return stored === undefined ? record.texts : storedParts(stored).texts;
}

/**
 * The user's own texts of this membership up to `seq`: found by halving, not by counting, so
 * that nobody can make it long. What retention took from the index lies below `seq`.
 */
export function countOwn(
  env: Environment,
  room: RoomId,
  user: string,
  member: MemberRecord,
  seq: number,
): number {
  if (seq >= member.lastOwn) return member.own;
  let [upTo, above] = [0, member.own];
  while (above - upTo > 1) {
    const middle = Math.floor((upTo + above) / 2);
    if ((env.owns.get([room, user, middle]) ?? 0) <= seq) upTo = middle;
    else above = middle;
  }
  return upTo;
}

export function readPage(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  { after, user, limit, maxBytes }: PageRequest,
): Page {
  const { position: start, losses } = settle(record, after);
  const entries = rangeOf(env, room, start.seq + 1, record.head, limit, maxBytes);
  return { ...viewOf(env, room, record, user, undefined), entries, start, losses };
}

export function readHistory(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  request: HistoryRequest,
): HistoryPage {
  const view = viewOf(env, room, record, request.user, undefined);
  const point = view.membership === undefined ? undefined : settle(record, view.membership.point).position;
  const floor =
    record.kind === 'public' || point === undefined ? record.first : Math.max(record.first, point.seq + 1);
  const ceiling = Math.min(record.head, (request.before ?? record.head + 1) - 1);
  if (request.after !== undefined) {
    const from = Math.max(floor, request.after + 1);
    const entries = rangeOf(env, room, from, ceiling, request.limit, MAX_HISTORY_BYTES);
    const more = (entries.at(-1)?.seq ?? from - 1) < ceiling;
    return { ...view, entries, more, edited: editedIn(env, room, record, entries) };
  }
  const from = Math.max(floor, ceiling - request.limit + 1);
  const entries = newestOf(env, room, from, ceiling);
  const more = (entries[0]?.seq ?? floor) > floor;
  return { ...view, entries, more, edited: editedIn(env, room, record, entries) };
}

function editedIn(env: Environment, room: RoomId, record: RoomRecord, entries: readonly Entry[]): Edited[] {
  return editedBetween(env, room, record, entries[0]?.seq ?? 1, entries.at(-1)?.seq ?? 0);
}

/** A page backwards keeps under the limit, but for one entry that is longer by itself. */
function newestOf(env: Environment, room: RoomId, from: number, to: number): Entry[] {
  const entries: Entry[] = [];
  if (to < from) return entries;
  const maker = new EntryMaker(room);
  let bytes = 0;
  // Keys in reverse: from the first one given, which is the highest, down to the other.
  for (const { key, value } of env.log.getRange({
    start: [room, to],
    end: [room, from - 1],
    reverse: true,
  })) {
    bytes += Buffer.byteLength(value);
    if (bytes > MAX_HISTORY_BYTES && entries.length > 0) break;
    entries.push(maker.fromStored(key[1], value));
  }
  return entries.toReversed();
}

function rangeOf(
  env: Environment,
  room: RoomId,
  from: number,
  to: number,
  limit: number,
  maxBytes: number,
): Entry[] {
  const entries: Entry[] = [];
  if (to < from) return entries;
  const maker = new EntryMaker(room);
  let bytes = 0;
  for (const { key, value } of env.log.getRange({ start: [room, from], end: [room, to + 1], limit })) {
    entries.push(maker.fromStored(key[1], value));
    bytes += Buffer.byteLength(value);
    if (bytes > maxBytes) break;
  }
  return entries;
}
