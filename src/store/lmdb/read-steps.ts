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
import { editedBy, newestEdit } from './about-step.ts';
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
  const { entries } = collect(env, room, { from: start.seq + 1, to: record.head, limit, maxBytes });
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
  const edits = (seq: number): string | undefined => newestEdit(env, room, record, seq);
  const page = { to: ceiling, limit: request.limit, maxBytes: MAX_HISTORY_BYTES, edits };
  if (request.after !== undefined) {
    const from = Math.max(floor, request.after + 1);
    const found = collect(env, room, { ...page, from });
    return { ...view, ...found, more: (found.entries.at(-1)?.seq ?? from - 1) < ceiling };
  }
  const found = collect(env, room, { ...page, from: floor, isNewest: true });
  return { ...view, ...found, more: (found.entries[0]?.seq ?? floor) > floor };
}

/** Entries of a room's log to be read. */
interface Wanted {
  /** Seqs, inclusive. */
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  /** A page forwards ends when it passes this; the newest ones keep under, but for one that is longer by itself. */
  readonly maxBytes: number;
  /** From `to` downwards; they come ascending all the same. */
  readonly isNewest?: boolean;
  /** The newest edit of an entry, as it is stored: it is shown, so it counts. Not given: none is. */
  readonly edits?: (seq: number) => string | undefined;
}

function collect(
  env: Environment,
  room: RoomId,
  { from, to, limit, maxBytes, isNewest = false, edits }: Wanted,
): Pick<HistoryPage, 'entries' | 'edited'> {
  const entries: Entry[] = [];
  const edited: Edited[] = [];
  if (to < from) return { entries, edited };
  const maker = new EntryMaker(room);
  // Keys in reverse: from the first one given, which is the highest, down to the other.
  const range = isNewest
    ? { start: [room, to], end: [room, from - 1], reverse: true, limit }
    : { start: [room, from], end: [room, to + 1], limit };
  let bytes = 0;
  for (const { key, value } of env.log.getRange(range)) {
    const edit = edits?.(key[1]);
    bytes += Buffer.byteLength(value) + (edit === undefined ? 0 : Buffer.byteLength(edit));
    if (isNewest && bytes > maxBytes && entries.length > 0) break;
    entries.push(maker.fromStored(key[1], value));
    if (edit !== undefined) edited.push(editedBy(edit, key[1]));
    if (bytes > maxBytes) break;
  }
  return isNewest ? { entries: entries.toReversed(), edited: edited.toReversed() } : { entries, edited };
}
