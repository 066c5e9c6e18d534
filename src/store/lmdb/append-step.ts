/** The one step that gives seqs: a room's drafts are checked, numbered and stored. */
import { EntryMaker, kindLetter, storedEntry, type Draft, type Entry } from '../../chat/entry.ts';
import type { RoomId } from '../../chat/identity.ts';
import { presentEpoch } from '../../chat/position.ts';
import { postRefusal } from '../../chat/rights.ts';
import type { Appended, RoomBatch, RoomCommit } from '../../chat/store-types.ts';
import type { ChatError } from '../../protocol/errors.ts';
import { aboutRefusal, amend } from './about-step.ts';
import type { Environment } from './environment.ts';
import type { MemberRecord, RoomRecord } from './records.ts';
import { enterRoom } from './room-step.ts';

/** Inside a write transaction. */
export function appendBatch(env: Environment, { room, drafts }: RoomBatch, now: number): RoomCommit {
  const record = enterRoom(env, room, now);
  if (record === undefined) return { room, results: drafts.map(() => noRoom()), batch: undefined };
  const step = new AppendStep(env, room, record, now);
  const results = drafts.map((draft) => step.add(draft));
  return { room, results, batch: step.finish() };
}

/** `system` entries, without a look at their author's membership. Inside a write transaction. */
export function appendSystem(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  drafts: readonly Draft[],
  now: number,
): RoomCommit['batch'] {
  const step = new AppendStep(env, room, record, now);
  for (const draft of drafts) step.store(draft);
  return step.finish();
}

function noRoom(): Appended {
  return { ok: false, code: 'not_found', message: 'no such room, or you are not a member of it' };
}

function refused({ code, message, retryAfterMs }: ChatError): Appended {
  return { ok: false, code, message, retryAfterMs };
}

const NO_OVERWRITE = { noOverwrite: true };

class AppendStep {
  readonly #env: Environment;
  readonly #room: RoomId;
  readonly #record: RoomRecord;
  readonly #epoch: string;
  readonly #at: number;
  readonly #maker: EntryMaker;
  readonly #members = new Map<string, MemberRecord | undefined>();
  readonly #changed = new Set<string>();
  readonly #entries: Entry[] = [];

  constructor(env: Environment, room: RoomId, record: RoomRecord, now: number) {
    this.#env = env;
    this.#room = room;
    this.#record = record;
    this.#epoch = presentEpoch(record.chain);
    // Time never goes back within a room.
    this.#at = Math.max(now, record.lastAt);
    this.#maker = new EntryMaker(room);
  }

  add(draft: Draft): Appended {
    const member = this.#member(draft.from);
    if (member === undefined && (draft.byProgram === undefined || this.#record.kind === 'direct'))
      return noRoom();
    const refusal = this.#refusal(draft, member);
    if (refusal !== undefined) return this.#known(draft) ?? refused(refusal);
    // One look for both, whether it is there and where it goes; what this step put is there too.
    const key = this.#idOf(draft);
    const place = `${this.#epoch} ${this.#record.head + 1} ${this.#at}`;
    // False where it is there, though lmdb's types have nothing.
    const isPut: unknown = this.#env.ids.putSync(key, place, NO_OVERWRITE);
    if (isPut === false) return this.#known(draft) ?? noRoom();
    const seq = this.store(draft);
    const { kind, about } = draft;
    if (about !== undefined && (kind === 'edit' || kind === 'delete'))
      amend(this.#env, this.#room, this.#record, kind, about.seq, seq);
    return { ok: true, epoch: this.#epoch, seq, at: this.#at, duplicate: false };
  }

  #refusal(draft: Draft, member: MemberRecord | undefined): ChatError | undefined {
    const { sanctions = 0 } = this.#record;
    if (sanctions > 0) {
      const sanction = this.#env.sanctions.get([this.#room, draft.from]);
      const refusal = sanction === undefined ? undefined : postRefusal(sanction, this.#at);
      if (refusal !== undefined) return refusal;
    }
    if (draft.about === undefined) return undefined;
    return aboutRefusal(this.#env, this.#room, this.#record, member, draft, draft.about);
  }

  #idOf({ from, id }: Draft): [RoomId, string, string] {
    return [this.#room, from, id];
  }

  /** Where it was stored before. */
  #known(draft: Draft): Appended | undefined {
    const place = this.#env.ids.get(this.#idOf(draft));
    if (place === undefined) return undefined;
    const [epoch = '', seq, at] = place.split(' ');
    return { ok: true, epoch, seq: Number(seq), at: Number(at), duplicate: true };
  }

  /** Its id was put, if it has one: what the server writes has none that a client could send again. */
  store(draft: Draft): number {
    const record = this.#record;
    const member = this.#member(draft.from);
    if (draft.kind === 'text') {
      record.texts += 1;
      if (member !== undefined) {
        member.own += 1;
        member.lastOwn = record.head + 1;
        void this.#env.owns.put([this.#room, draft.from, member.own], member.lastOwn);
        this.#changed.add(draft.from);
      }
    }
    const letter = kindLetter(draft.kind);
    const stored = storedEntry(letter, record.texts, member?.own ?? 0, this.#at, draft.tail);
    record.head += 1;
    record.bytes += Buffer.byteLength(stored);
    void this.#env.log.put([this.#room, record.head], stored);
    this.#entries.push(this.#maker.make(record.head, this.#at, letter, draft.tail));
    return record.head;
  }

  finish(): RoomCommit['batch'] {
    if (this.#entries.length === 0) return undefined;
    this.#record.lastAt = this.#at;
    this.#env.rooms.put(this.#room, this.#record);
    for (const user of this.#changed) {
      const member = this.#members.get(user);
      if (member !== undefined) void this.#env.members.put([this.#room, user], member);
    }
    return { epoch: this.#epoch, entries: this.#entries };
  }

  #member(user: string): MemberRecord | undefined {
    if (!this.#members.has(user)) this.#members.set(user, this.#env.members.get([this.#room, user]));
    return this.#members.get(user);
  }
}
