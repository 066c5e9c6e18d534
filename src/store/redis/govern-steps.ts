/** Steps on rights: which script, with what, and what its answer means. */
import { randomBytes } from 'node:crypto';
import { draft as makeDraft, EntryMaker } from '../../chat/entry.ts';
import type { RoomId } from '../../chat/identity.ts';
import type { Actor, Decision, Facts } from '../../chat/rights.ts';
import type { Batch, Membership, RoomInfo } from '../../chat/store-types.ts';
import type { Position, RoomKind } from '../../protocol/words.ts';
import { GOVERN_SCRIPTS } from './govern-scripts.ts';
import type { Keys } from './keys.ts';
import {
  kindOf,
  listOf,
  membershipOf,
  positionOf,
  roleOf,
  roomOf,
  sanctionOf,
  sanctionText,
  textOf,
  textsOf,
} from './records.ts';
import type { RedisLink } from './redis-link.ts';
import { runOnRoom } from './room-script.ts';
import { endOverSanctions } from './sanctions.ts';

/** What rights are decided on, and with it the name of the target. */
export interface FoundFacts {
  readonly facts: Facts;
  /** As the script gave them: it does nothing where they are others by then. */
  readonly raw: readonly string[];
}

export interface GovernAsk {
  readonly actor: Actor;
  readonly target: string | undefined;
  readonly found: FoundFacts;
  readonly decision: Decision;
  /** The latest time it may be done, if there is one. */
  readonly deadline: number | undefined;
  readonly maxSanctions: number;
}

export type GovernAnswer =
  | { readonly word: 'again' }
  | { readonly word: 'late' }
  | { readonly word: 'full' }
  | {
      readonly word: 'done';
      readonly info: RoomInfo;
      readonly batch: Batch | undefined;
      /** The target's membership; undefined: none. */
      readonly member: Pick<Membership, 'name' | 'role' | 'point'> | undefined;
      /** Where a membership that ended began. */
      readonly ended: Position | undefined;
    };

export class GovernSteps {
  readonly #link: RedisLink;
  readonly #keys: Keys;

  constructor(link: RedisLink, keys: Keys) {
    this.#link = link;
    this.#keys = keys;
  }

  /** What an act is decided on; undefined: no such room. */
  async facts(room: RoomId, actor: Actor, target: string | undefined): Promise<FoundFacts | undefined> {
    const reply = await this.#run('facts', room, [nameOfActor(actor), target ?? '']);
    if (reply === null) return undefined;
    const [found, now] = listOf(reply);
    const raw = textsOf(found);
    const [kind = '', title = '', owners, actorRole = '', role = '', sanction = ''] = raw;
    return {
      raw,
      facts: {
        kind: kindOf(kind),
        title,
        owners: Number(owners),
        actorRole: roleOf(actorRole),
        role: roleOf(role),
        sanction: sanctionOf(sanction),
        now: Number(now),
      },
    };
  }

  /** Does what was decided if the facts still hold. */
  async govern(room: RoomId, ask: GovernAsk): Promise<GovernAnswer> {
    const { actor, target = '', found, decision, deadline, maxSanctions } = ask;
    const { kind, title, role = '', sanction, entries } = decision;
    const from = nameOfActor(actor);
    const tails = entries.map(
      (data) => makeDraft(from, randomBytes(12).toString('hex'), 'system', { data }).tail,
    );
    const wanted = [kind, title, role, sanctionText(sanction), String(maxSanctions)];
    const args = [from, target, ...found.raw, deadline?.toString() ?? '', ...wanted, ...tails];
    const reply = await this.#run('govern', room, args);
    const [word, epoch, at, first, meta, member, ended] = reply === null ? ['again'] : listOf(reply);
    if (word === 'again' || word === 'late' || word === 'full') return { word };
    if (word !== 'done') throw new Error(`govern was answered ${String(word)}`);
    const maker = new EntryMaker(room);
    const made = tails.map((tail, i) => maker.make(Number(first) + i, Number(at), 's', tail));
    const record = textOf(member);
    return {
      word,
      info: roomOf(meta),
      batch: made.length === 0 ? undefined : { epoch: textOf(epoch), entries: made },
      member: record === '' ? undefined : membershipOf(record),
      ended: ended === '' ? undefined : positionOf(textOf(ended)),
    };
  }

  /** False: it was there. */
  async create(room: RoomId, kind: RoomKind, title: string): Promise<boolean> {
    return (await this.#run('create', room, [kind, title])) === 1;
  }

  /** False: there is none. */
  async delete(room: RoomId): Promise<boolean> {
    return (await this.#run('delete', room, [])) === 1;
  }

  /** In a direct room, if there is one: whether the other one takes messages of the user. */
  async block(room: RoomId, user: string, on: boolean): Promise<void> {
    await this.#run('block', room, [user, on ? '1' : '0']);
  }

  /** Takes back what is held against users and is over; of how many. */
  endOver(room: RoomId): Promise<number> {
    return endOverSanctions(this.#link, this.#keys, room);
  }

  #run(script: keyof typeof GOVERN_SCRIPTS, room: RoomId, args: readonly string[]) {
    return runOnRoom(this.#link, this.#keys, GOVERN_SCRIPTS[script], room, args);
  }
}

/** Empty: the server. No user has that name. */
function nameOfActor(actor: Actor): string {
  return actor === 'server' ? '' : actor.user;
}
