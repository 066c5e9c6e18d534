/**
 * Entries that are about another one: whether they may be, and what an edit or a delete leaves.
 * Each inside one write transaction.
 */
import { aboutError, MAX_EDITS, type AboutFault } from '../../chat/about.ts';
import { erasedTail, kindLetter, isFrom, storedEntry, storedParts, textOfTail } from '../../chat/entry.ts';
import type { Draft, Reference } from '../../chat/entry.ts';
import type { RoomId } from '../../chat/identity.ts';
import { presentEpoch, settle } from '../../chat/position.ts';
import type { Edited } from '../../chat/store-types.ts';
import type { ChatError } from '../../protocol/errors.ts';
import type { Environment } from './environment.ts';
import type { MemberRecord, RoomRecord } from './records.ts';

const TEXT = kindLetter('text');

/** What keeps `draft` from being about that entry; undefined: nothing. */
export function aboutRefusal(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  member: MemberRecord | undefined,
  draft: Draft,
  about: Reference,
): ChatError | undefined {
  const fault = faultOf(env, room, record, member, draft, about);
  return fault === undefined ? undefined : aboutError(fault, about.seq);
}

function faultOf(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  member: MemberRecord | undefined,
  { kind, from }: Draft,
  { seq, epoch }: Reference,
): AboutFault | undefined {
  if (epoch !== undefined && epoch !== presentEpoch(record.chain)) return 'epoch';
  const stored = env.log.get([room, seq]);
  const isHidden =
    record.kind !== 'public' && member !== undefined && seq <= settle(record, member.point).position.seq;
  const amendment = env.amendments.get([room, seq]);
  if (stored === undefined || isHidden || !stored.startsWith(TEXT) || amendment?.isDeleted === true)
    return 'none';
  const isOwn = isFrom(storedParts(stored).tail, from);
  if (kind === 'edit' && !isOwn) return 'author';
  if (kind === 'delete' && !isOwn && member?.role === 'member') return 'deleter';
  return kind === 'edit' && (amendment?.edits.length ?? 0) >= MAX_EDITS ? 'edits' : undefined;
}

/** `seq` is an edit or a delete that was just stored. */
export function amend(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  kind: 'edit' | 'delete',
  about: number,
  seq: number,
): void {
  const known = env.amendments.get([room, about]) ?? { edits: [] };
  record.amendments = (record.amendments ?? 0) + 1;
  if (kind === 'edit') {
    void env.amendments.put([room, about], { edits: [...known.edits, seq] });
    return;
  }
  for (const erased of [about, ...known.edits]) erase(env, room, record, erased);
  void env.amendments.put([room, about], { edits: [], isDeleted: true });
}

function erase(env: Environment, room: RoomId, record: RoomRecord, seq: number): void {
  const stored = env.log.get([room, seq]);
  if (stored === undefined) return;
  const { letter, texts, own, at, tail } = storedParts(stored);
  const erased = storedEntry(letter, texts, own, at, erasedTail(tail));
  record.bytes += Buffer.byteLength(erased) - Buffer.byteLength(stored);
  void env.log.put([room, seq], erased);
}

/** The newest edit of an entry as it is stored; undefined: it has none. */
export function newestEdit(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  seq: number,
): string | undefined {
  if ((record.amendments ?? 0) === 0) return undefined;
  const last = env.amendments.get([room, seq])?.edits.at(-1);
  return last === undefined ? undefined : env.log.get([room, last]);
}

/** What an edit, as it is stored, makes of the entry `seq`. */
export function editedBy(edit: string, seq: number): Edited {
  const { at, tail } = storedParts(edit);
  return { seq, text: textOfTail(tail) ?? '', at };
}
