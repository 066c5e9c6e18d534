/**
 * Rights in Redis: an act changes the room in one step of its slot; the target's index of rooms,
 * which lies in another, is marked before and settled after (user-index.ts).
 *
 * What is allowed is decided by chat/rights.ts on facts read before; the step does what was
 * decided only if they still hold, else it is decided anew.
 */
import {
  directRoom,
  nameOf,
  namespaceOf,
  roomId,
  userId,
  type RoomId,
  type UserId,
} from '../../chat/identity.ts';
import { listedMember } from '../../chat/listed-member.ts';
import { blockedError, decide, NO_SANCTION, type Act, type Actor } from '../../chat/rights.ts';
import { StoreUnavailable } from '../../chat/store-unavailable.ts';
import type { DirectOptions, Governed, GovernOptions } from '../../chat/store-types.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Position, RoomKind } from '../../protocol/words.ts';
import { SanctionLimit, SanctionsFull } from '../sanction-limit.ts';
import { inWindows } from './chunks.ts';
import type { GovernSteps } from './govern-steps.ts';
import type { JoinAnswer, RoomSteps } from './room-steps.ts';
import { tooManyRooms, type Marked, type UserIndex } from './user-index.ts';

/** How often an act is decided anew because the room changed under it. */
const MAX_ROUNDS = 8;
/** How often a block is looked at again because it changed meanwhile. */
const MAX_BLOCK_ROUNDS = 4;

export class Rights {
  readonly #steps: RoomSteps;
  readonly #govern: GovernSteps;
  readonly #index: UserIndex;
  readonly #limit = new SanctionLimit();
  /** Runs what heals by itself later. */
  readonly #mend: (task: Promise<void>) => Promise<void>;

  constructor(
    steps: RoomSteps,
    govern: GovernSteps,
    index: UserIndex,
    mend: (task: Promise<void>) => Promise<void>,
  ) {
    this.#steps = steps;
    this.#govern = govern;
    this.#index = index;
    this.#mend = mend;
  }

  govern(room: RoomId, actor: Actor, act: Act, options: GovernOptions): Promise<Governed> {
    return this.#limit.run(
      room,
      () => this.#decided(room, actor, act, options),
      () => this.#govern.endOver(room),
    );
  }

  async #decided(room: RoomId, actor: Actor, act: Act, options: GovernOptions): Promise<Governed> {
    const target = act.do === 'set' ? undefined : act.user;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const found = await this.#govern.facts(room, actor, target);
      if (found === undefined)
        throw new ChatError('not_found', 'no such room, or you are not a member of it');
      const { facts } = found;
      const decision = decide(facts, actor, act);
      const isOther = (facts.role === undefined) !== (decision.role === undefined);
      if (
        target !== undefined &&
        actor !== 'server' &&
        facts.role === undefined &&
        decision.role !== undefined
      ) {
        const invited = userId(namespaceOf(room), target);
        if (await this.#index.blocks(invited, actor.user)) throw blockedError();
      }
      const marked =
        target === undefined || !isOther
          ? undefined
          : await this.#mark(room, target, facts.role === undefined ? options.maxRoomsPerUser : undefined);
      const { maxSanctions } = options;
      const ask = { actor, target, found, decision, deadline: marked?.deadline, maxSanctions };
      const answer = await this.#govern.govern(room, ask);
      if (answer.word === 'again') continue;
      if (answer.word === 'late') throw new StoreUnavailable('the change took too long and was not made');
      if (answer.word === 'full') throw new SanctionsFull(maxSanctions);
      const { info, batch, member, ended } = answer;
      if (marked !== undefined && target !== undefined)
        await this.#settle(room, target, marked, member?.point, ended);
      return {
        info,
        batch,
        target: target === undefined ? undefined : listedMember(target, member, decision.sanction, facts.now),
        isOther,
      };
    }
    throw new StoreUnavailable('the room changes faster than it can be changed');
  }

  /** Creates the direct room of two users; `was` where it is there. */
  async openDirect(
    room: RoomId,
    user: string,
    other: string,
    { name, device, maxRoomsPerUser }: DirectOptions,
  ): Promise<JoinAnswer> {
    const [blocksMe, isBlocked] = await this.#blocks(room, user, other);
    if (blocksMe) throw blockedError();
    const create = { kind: 'direct', title: '', role: 'member' } as const;
    const options = { name, device, maxRoomsPerUser, create };
    const seen = await this.#steps.join(room, user, options, undefined);
    if (seen.word !== 'would') return seen;
    const mine = await this.#mark(room, user, maxRoomsPerUser);
    let theirs: Marked | undefined;
    try {
      theirs = await this.#mark(room, other, maxRoomsPerUser);
    } catch (error) {
      // Nothing was asked of the room, so there is nothing that could still come.
      if (mine !== undefined) await this.#settle(room, user, mine, undefined);
      throw error;
    }
    const deadline = Math.min(mine?.deadline ?? 0, theirs?.deadline ?? 0);
    const sanction = isBlocked ? { mutedUntil: 0, isBlocked: true } : NO_SANCTION;
    const answer = await this.#steps.join(room, user, options, deadline, { user: other, sanction });
    if (answer.word !== 'joined' && answer.word !== 'was') return answer;
    const { point } = answer.member;
    await Promise.all([
      mine === undefined ? undefined : this.#settle(room, user, mine, point),
      theirs === undefined ? undefined : this.#settle(room, other, theirs, point),
    ]);
    // Who blocked, or took it back, while the room was made did not find it.
    for (let [held, tries] = [isBlocked, 0]; tries < MAX_BLOCK_ROUNDS; tries += 1) {
      const [blockedMe, blockedThem] = await this.#blocks(room, user, other);
      if (blockedMe) await this.#govern.block(room, user, true);
      if (blockedThem === held) break;
      await this.#govern.block(room, other, blockedThem);
      held = blockedThem;
    }
    return answer;
  }

  create(room: RoomId, kind: RoomKind, title: string): Promise<boolean> {
    return this.#govern.create(room, kind, title);
  }

  /** `members`: who is to lose the room from their index; others lose it when they next look. */
  async delete(room: RoomId, members: readonly string[]): Promise<void> {
    if (!(await this.#govern.delete(room))) throw new ChatError('not_found', 'no such room');
    await inWindows(members, (user) => this.forget(room, user));
  }

  /** Takes a room out of the index of a user who is no member. */
  async forget(room: RoomId, user: string): Promise<void> {
    // One that somebody is making is theirs to settle: whoever reads it waits until that is over.
    const marked = await this.#index.markSettled(userId(namespaceOf(room), user), room);
    if (marked === 'none') return;
    const [seen] = await this.#steps.views(user, '', [room]);
    await this.#settle(room, user, marked, seen?.member?.point);
  }

  async block(user: UserId, other: string, on: boolean, maxBlocks: number): Promise<void> {
    if (!(await this.#index.block(user, other, on, maxBlocks)))
      throw new ChatError('too_large', `a user blocks at most ${maxBlocks} (maxBlocksPerUser)`);
    const room = roomId(namespaceOf(user), directRoom(nameOf(user), other));
    await this.#govern.block(room, other, on);
  }

  /** Whether the other one blocks the user, and the other way round. */
  #blocks(room: RoomId, user: string, other: string): Promise<[boolean, boolean]> {
    const namespace = namespaceOf(room);
    return Promise.all([
      this.#index.blocks(userId(namespace, other), user),
      this.#index.blocks(userId(namespace, user), other),
    ]);
  }

  /** Undefined: a membership ends that the index does not know of. */
  async #mark(room: RoomId, user: string, maxRooms: number | undefined): Promise<Marked | undefined> {
    const marked = await this.#index.mark(userId(namespaceOf(room), user), room, maxRooms);
    if (marked === 'full') throw tooManyRooms(maxRooms);
    return marked === 'none' ? undefined : marked;
  }

  #settle(
    room: RoomId,
    user: string,
    { entry }: Marked,
    point: Position | undefined,
    ended?: Position,
  ): Promise<void> {
    return this.#mend(this.#index.settle(userId(namespaceOf(room), user), room, entry, point, ended));
  }
}
