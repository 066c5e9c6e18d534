/**
 * Steps on a room's log and memberships: which script, with what, and what its answer means.
 * What a position means is decided here by chat/position.ts; a script is asked again with the outcome.
 */
import { randomBytes } from 'node:crypto';
import { aboutError, isAboutFault } from '../../chat/about.ts';
import {
  draft as makeDraft,
  EntryMaker,
  kindLetter,
  storedParts,
  textOfTail,
  type Draft,
  type Entry,
} from '../../chat/entry.ts';
import type { RoomId } from '../../chat/identity.ts';
import { listedMember } from '../../chat/listed-member.ts';
import { isFurther, settle, validUpTo } from '../../chat/position.ts';
import { bannedError, blockedError, mutedError, type Sanction } from '../../chat/rights.ts';
import type {
  Appended,
  CursorMove,
  Edited,
  JoinOptions,
  Left,
  ListedMember,
  Membership,
  ReadMark,
  ReadOptions,
  RoomBatch,
  RoomCommit,
  RoomInfo,
} from '../../chat/store-types.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Keys } from './keys.ts';
import { LOG_SCRIPTS } from './log-scripts.ts';
import { MEMBER_SCRIPTS } from './member-scripts.ts';
import {
  chainOf,
  listOf,
  memberOf,
  membershipOf,
  positionOf,
  roomOf,
  sanctionOf,
  sanctionText,
  textOf,
  textsOf,
} from './records.ts';
import type { RedisLink } from './redis-link.ts';
import { nonce, runOnRoom } from './room-script.ts';

const ROOM_SCRIPTS = { ...LOG_SCRIPTS, ...MEMBER_SCRIPTS } as const;
const MAX_SEQ = String(Number.MAX_SAFE_INTEGER);
/** A move that meets another one each time is given up; the client moves again. */
const MAX_MOVE_ROUNDS = 4;

/** With the life of the server that did it; undefined: there was nothing to do. */
export interface LivingCommit extends RoomCommit {
  readonly life?: string;
}

export interface Seen {
  readonly room: RoomInfo;
  readonly member: Membership | undefined;
}

export interface ReadRequest {
  /** Empty: the present one. Of another epoch nothing is read. */
  readonly epoch: string;
  readonly from: number;
  readonly to?: number | undefined;
  readonly limit: number;
  readonly maxBytes: number;
  readonly isNewestFirst?: boolean | undefined;
  readonly user?: string | undefined;
  /** Whether the present texts of edited entries are wanted. */
  readonly withEdits?: boolean | undefined;
}

/** The other one of a direct room that is to be created. */
export interface Other {
  readonly user: string;
  readonly sanction: Sanction;
}

export type JoinAnswer =
  | ({ readonly word: 'was' | 'joined' } & Seen & { readonly member: Membership })
  | { readonly word: 'would' | 'none' | 'exists' | 'late' }
  | { readonly word: 'banned'; readonly forMs: number };

export class RoomSteps {
  readonly #link: RedisLink;
  readonly #keys: Keys;

  constructor(link: RedisLink, keys: Keys) {
    this.#link = link;
    this.#keys = keys;
  }

  async append({ room, drafts }: RoomBatch): Promise<LivingCommit> {
    if (drafts.length === 0) return { room, results: [], batch: undefined };
    const args: string[] = [];
    for (const draft of drafts) args.push(draft.from, draft.id, letterOf(draft), draft.tail);
    const reply = await this.#run('append', room, args);
    if (reply === null) return { room, results: drafts.map(() => notMember()), batch: undefined };
    const [epochReply, atReply, words, life] = listOf(reply);
    const [epoch, at, results] = [textOf(epochReply), Number(atReply), textsOf(words)];
    const maker = new EntryMaker(room);
    const entries: Entry[] = [];
    let seq = Number(results[drafts.length]);
    const outcomes = drafts.map((draft, i): Appended => {
      const { kind, tail } = draft;
      const word = results[i] ?? '-';
      if (word === '-') return notMember();
      if (word.startsWith('!')) return refused(word.slice(1), draft);
      if (word === '+') {
        entries.push(maker.make(seq, at, kindLetter(kind), tail));
        seq += 1;
        return { ok: true, epoch, seq: seq - 1, at, duplicate: false };
      }
      const [first = '', firstSeq, firstAt] = word.split(' ');
      return { ok: true, epoch: first, seq: Number(firstSeq), at: Number(firstAt), duplicate: true };
    });
    const batch = entries.length === 0 ? undefined : { epoch, entries };
    return { room, results: outcomes, batch, life: textOf(life) };
  }

  /** Entries with the room and the reader's membership, in one step; undefined: no such room. */
  async read(
    room: RoomId,
    request: ReadRequest,
  ): Promise<
    (Seen & { readonly entries: readonly Entry[]; readonly edited: readonly Edited[] }) | undefined
  > {
    const { epoch, from, to, limit, maxBytes, isNewestFirst = false, user = '', withEdits = false } = request;
    const args = [
      epoch,
      String(from),
      to?.toString() ?? MAX_SEQ,
      String(limit),
      String(maxBytes),
      isNewestFirst ? '1' : '0',
      user,
      withEdits ? '1' : '0',
    ];
    const reply = await this.#run('read', room, args);
    if (reply === null) return undefined;
    const [meta, member, firstSeq, found, edits] = listOf(reply);
    const ascending = <T>(list: T[]): T[] => (isNewestFirst ? list.toReversed() : list);
    const maker = new EntryMaker(room);
    const entries = ascending(textsOf(found)).map((text, i) => maker.fromStored(Number(firstSeq) + i, text));
    const edited = ascending(editedOf(textsOf(edits)));
    return { room: roomOf(meta), member: memberOf(member), entries, edited };
  }

  /** In a Cluster a room each, else all in one; undefined: no such room. */
  async views(user: string, device: string, rooms: readonly RoomId[]): Promise<(Seen | undefined)[]> {
    const keys = rooms.flatMap((room) =>
      (['meta', 'log', 'members', 'head', 'amends', 'ids'] as const).map((key) => this.#keys.room(room, key)),
    );
    if (keys.length === 0) return [];
    const answer = listOf(await this.#link.run(ROOM_SCRIPTS.views, keys, [nonce(), user, device]));
    return answer.map((reply) => {
      if (reply === null) return undefined;
      const [meta, member] = listOf(reply);
      return { room: roomOf(meta), member: memberOf(member) };
    });
  }

  /** Without a deadline: only looks whether the user would become a member. */
  async join(
    room: RoomId,
    user: string,
    { name, device = '', create, mustCreate = false }: JoinOptions,
    deadline: number | undefined,
    other?: Other,
  ): Promise<JoinAnswer> {
    const made = create === undefined ? ['0', '', '', ''] : ['1', create.kind, create.title, create.role];
    const may = deadline === undefined ? ['0', '0'] : ['1', String(deadline)];
    const args = [user, name, device, ...may, ...made, mustCreate ? '1' : '0'];
    args.push(other?.user ?? '', other === undefined ? '' : sanctionText(other.sanction));
    const [word, meta, record] = listOf(await this.#run('join', room, args));
    if (word === 'banned') return { word, forMs: Number(meta) };
    if (word === 'would' || word === 'none' || word === 'exists' || word === 'late') return { word };
    const member = memberOf(record);
    if ((word !== 'was' && word !== 'joined') || member === undefined)
      throw new Error(`join was answered ${String(word)}`);
    return { word, room: roomOf(meta), member };
  }

  /** Rejects with `ChatError`; one that the user stays a member after is given to `onStays`. */
  async leave(room: RoomId, user: string, onStays: (point: Left['point']) => Promise<void>): Promise<Left> {
    const entry = makeDraft(user, randomBytes(12).toString('hex'), 'system', {
      data: { action: 'left', user },
    });
    const reply = await this.#run('leave', room, [user, entry.id, entry.tail]);
    if (reply === null) throw new ChatError('not_found', NOT_MEMBER);
    const [word, ...rest] = textsOf(reply);
    if (word === 'left') {
      const [epoch = '', seq, at, pointEpoch = '', pointSeq] = rest;
      const made = new EntryMaker(room).make(Number(seq), Number(at), 's', entry.tail);
      return {
        batch: { epoch, entries: [made] },
        point: { epoch: pointEpoch, seq: Number(pointSeq) },
      };
    }
    if (word === 'none') throw new ChatError('not_found', NOT_MEMBER);
    await onStays({ epoch: rest[0] ?? '', seq: Number(rest[1]) });
    if (word === 'direct') throw new ChatError('forbidden', 'a direct room cannot be left');
    throw new ChatError('conflict', 'the last owner cannot leave; make somebody else an owner first');
  }

  /** Moves of one room. Which of two positions is further is decided here where epochs differ. */
  async move(room: RoomId, moves: readonly CursorMove[]): Promise<void> {
    let due = moves.map((move) => ({ move, expected: '' }));
    for (let round = 0; due.length > 0 && round < MAX_MOVE_ROUNDS; round += 1) {
      const args = due.flatMap(({ move, expected }) => [
        move.user,
        move.device,
        move.to.epoch,
        String(move.to.seq),
        expected,
      ]);
      const reply = await this.#run('move', room, args);
      if (reply === null) return;
      const next: typeof due = [];
      for (const [i, answer] of listOf(reply).entries()) {
        const move = due[i]?.move;
        if (answer === '' || move === undefined) continue;
        const [chain = '', cursor = ''] = textsOf(answer);
        if (isFurther(chainOf(chain), move.to, positionOf(cursor))) next.push({ move, expected: cursor });
      }
      due = next;
    }
  }

  /** `head`: gives the device a cursor there unless it has one. */
  async device(room: RoomId, user: string, device: string, what: 'head' | 'forget'): Promise<void> {
    await this.#run('device', room, [user, device, what]);
  }

  async markRead(
    room: RoomId,
    user: string,
    seq: number,
    { epoch = '', name = '' }: ReadOptions,
  ): Promise<ReadMark> {
    let [asked, at] = [seq, epoch];
    for (;;) {
      const reply = await this.#run('markRead', room, [user, String(asked), at, name]);
      const [word, ...rest] = reply === null ? ['none'] : listOf(reply);
      if (word === 'none') throw new ChatError('not_found', NOT_MEMBER);
      if (word === 'done') return { seq: Number(rest[0]), isNew: rest[2] === 1, members: Number(rest[1]) };
      const { chain, head, first } = roomOf(rest[0]);
      if (asked > validUpTo(chain, at))
        throw new ChatError('conflict', `seq ${asked} lies in an epoch that is over`);
      ({ seq: asked, epoch: at } = settle({ chain, head, first }, { epoch: at, seq: asked }).position);
    }
  }

  /** Undefined: no such room, or the asker is no member. */
  async members(
    room: RoomId,
    asker: string,
    after: string,
    limit: number,
  ): Promise<readonly ListedMember[] | undefined> {
    const reply = await this.#run('members', room, [asker, after, String(limit)]);
    if (reply === null) return undefined;
    const [now, found] = listOf(reply);
    return listOf(found).map((item) => {
      const [user = '', record = '', sanction = ''] = textsOf(item);
      return listedMember(user, membershipOf(record), sanctionOf(sanction), Number(now));
    });
  }

  /** One step of retention; undefined: no such room. */
  async retain(
    room: RoomId,
    args: readonly string[],
  ): Promise<{ readonly isMore: boolean; readonly isPublic: boolean } | undefined> {
    const reply = await this.#run('retain', room, args);
    if (reply === null) return undefined;
    const [more, kind] = listOf(reply);
    return { isMore: more === 1, isPublic: kind === 'public' };
  }

  #run(script: Exclude<keyof typeof ROOM_SCRIPTS, 'views'>, room: RoomId, args: readonly string[]) {
    return runOnRoom(this.#link, this.#keys, ROOM_SCRIPTS[script], room, args);
  }
}

const NOT_MEMBER = 'no such room, or you are not a member of it';

function notMember(): Appended {
  return { ok: false, code: 'not_found', message: NOT_MEMBER };
}

/** Why the step did not store a draft, by its word. */
function refused(word: string, draft: Draft): Appended {
  const [fault = '', forMs] = word.split(' ');
  const { code, message, retryAfterMs } = isAboutFault(fault)
    ? aboutError(fault, draft.about?.seq ?? 0)
    : sanctionError(fault, forMs);
  return { ok: false, code, message, retryAfterMs };
}

function sanctionError(fault: string, forMs: string | undefined): ChatError {
  if (fault === 'muted') return mutedError(Number(forMs));
  return fault === 'banned' ? bannedError(forMs === undefined ? undefined : Number(forMs)) : blockedError();
}

/** The kind's letter, with what the entry is about. */
function letterOf({ kind, about, byProgram }: Draft): string {
  const letter = `${byProgram === undefined ? '' : '*'}${kindLetter(kind)}`;
  return about === undefined ? letter : `${letter} ${about.seq} ${about.epoch ?? ''}`;
}

function editedOf(edits: readonly string[]): Edited[] {
  const edited: Edited[] = [];
  for (let i = 0; i + 1 < edits.length; i += 2) {
    const { at, tail } = storedParts(edits[i + 1] ?? '');
    edited.push({ seq: Number(edits[i]), text: textOfTail(tail) ?? '', at });
  }
  return edited;
}
