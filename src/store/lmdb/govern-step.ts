/** Steps on rights: acts on a room and its members, direct rooms, blocks. Each inside one write transaction. */
import { draft } from '../../chat/entry.ts';
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
import {
  blockedError,
  decide,
  isOver,
  isSanctioned,
  NO_SANCTION,
  type Act,
  type Actor,
  type Decision,
  type Sanction,
} from '../../chat/rights.ts';
import type { DirectOptions, GovernOptions, Governed, ListedMember } from '../../chat/store-types.ts';
import { ChatError } from '../../protocol/errors.ts';
import { SanctionsFull } from '../sanction-limit.ts';
import { appendSystem } from './append-step.ts';
import type { Environment } from './environment.ts';
import { checkRoomsOf, forgetMember, newMember } from './member-steps.ts';
import { infoOf } from './read-steps.ts';
import type { RoomRecord } from './records.ts';
import { enterRoom, listRoom, newRoom } from './room-step.ts';

export function governRoom(
  env: Environment,
  room: RoomId,
  actor: Actor,
  act: Act,
  { maxRoomsPerUser, maxSanctions }: GovernOptions,
  makeId: () => string,
  now: number,
): Governed {
  const record = enterRoom(env, room, now);
  if (record === undefined) throw new ChatError('not_found', 'no such room, or you are not a member of it');
  const target = act.do === 'set' ? undefined : act.user;
  const member = target === undefined ? undefined : env.members.get([room, target]);
  const before = target === undefined ? NO_SANCTION : sanctionOf(env, room, target);
  const { kind, title, owners } = record;
  const actorRole = actor === 'server' ? undefined : env.members.get([room, actor.user])?.role;
  const facts = { kind, title, owners, actorRole, role: member?.role, sanction: before, now };
  const decision = decide(facts, actor, act);
  const from = actor === 'server' ? '' : actor.user;
  if (target !== undefined) {
    if (member === undefined && decision.role !== undefined) {
      if (env.blocks.get([userId(namespaceOf(room), target), from]) !== undefined) throw blockedError();
      checkRoomsOf(env, room, target, maxRoomsPerUser);
    }
    putSanction(env, room, record, target, decision.sanction, maxSanctions);
  }
  if (decision.kind !== kind) listRoom(env, room, decision.kind);
  record.kind = decision.kind;
  record.title = decision.title;
  if (target !== undefined) changeMember(env, room, record, target, decision);
  const drafts = decision.entries.map((data) => draft(from, makeId(), 'system', { data }));
  const batch = appendSystem(env, room, record, drafts, now);
  if (batch === undefined) env.rooms.put(room, record);
  return {
    info: infoOf(record),
    batch,
    target: target === undefined ? undefined : memberIn(env, room, record, target, now),
    isOther: (member === undefined) !== (decision.role === undefined),
  };
}

/** The target's membership as decided; its point is the head before the entries. */
function changeMember(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  user: string,
  { role }: Decision,
): void {
  const member = env.members.get([room, user]);
  if (role === undefined) {
    if (member !== undefined) forgetMember(env, room, record, user, member);
    return;
  }
  if (member === undefined) return newMember(env, room, record, user, user, role);
  if (member.role === role) return;
  record.owners += (role === 'owner' ? 1 : 0) - (member.role === 'owner' ? 1 : 0);
  void env.members.put([room, user], { ...member, role });
}

export function sanctionOf(env: Environment, room: RoomId, user: string): Sanction {
  return env.sanctions.get([room, user]) ?? NO_SANCTION;
}

function putSanction(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  user: string,
  sanction: Sanction,
  maxSanctions: number,
): void {
  const known = env.sanctions.get([room, user]);
  const count = record.sanctions ?? 0;
  if (!isSanctioned(sanction)) {
    if (known === undefined) return;
    void env.sanctions.remove([room, user]);
    record.sanctions = count - 1;
    return;
  }
  if (known === undefined) {
    if (count >= maxSanctions) throw new SanctionsFull(maxSanctions);
    record.sanctions = count + 1;
  }
  void env.sanctions.put([room, user], sanction);
}

/** Of these users, what is over is taken back; how many. */
export function endSanctions(env: Environment, room: RoomId, users: readonly string[], now: number): number {
  const record = enterRoom(env, room, now);
  if (record === undefined) return 0;
  const over = users.filter((user) => isOver(sanctionOf(env, room, user), now));
  for (const user of over) putSanction(env, room, record, user, NO_SANCTION, 0);
  if (over.length > 0) env.rooms.put(room, record);
  return over.length;
}

/** A user of the room as lists show them. */
export function memberIn(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  user: string,
  now: number,
): ListedMember {
  const sanction = (record.sanctions ?? 0) === 0 ? NO_SANCTION : sanctionOf(env, room, user);
  return listedMember(user, env.members.get([room, user]), sanction, now);
}

/** True: the room was created. */
export function openDirect(
  env: Environment,
  room: RoomId,
  user: string,
  other: string,
  { name, maxRoomsPerUser }: DirectOptions,
  now: number,
): boolean {
  const namespace = namespaceOf(room);
  if (env.blocks.get([userId(namespace, other), user]) !== undefined) throw blockedError();
  if (enterRoom(env, room, now) !== undefined) return false;
  checkRoomsOf(env, room, user, maxRoomsPerUser);
  checkRoomsOf(env, room, other, maxRoomsPerUser);
  const record = newRoom(env, room, now, 'direct', '');
  newMember(env, room, record, user, name, 'member');
  newMember(env, room, record, other, other, 'member');
  if (env.blocks.get([userId(namespace, user), other]) !== undefined)
    putSanction(env, room, record, other, { mutedUntil: 0, isBlocked: true }, 2);
  env.rooms.put(room, record);
  return true;
}

export function blockUser(
  env: Environment,
  user: UserId,
  other: string,
  on: boolean,
  maxBlocks: number,
  now: number,
): void {
  const key: [UserId, string] = [user, other];
  if (on && env.blocks.get(key) === undefined) {
    const count = env.blocks.getKeysCount({ start: [user, ''], end: [user, '\uffff'] });
    if (count >= maxBlocks)
      throw new ChatError('too_large', `a user blocks at most ${maxBlocks} (maxBlocksPerUser)`);
  }
  if (on) void env.blocks.put(key, now);
  else void env.blocks.remove(key);
  const namespace = namespaceOf(user);
  const room = roomId(namespace, directRoom(nameOf(user), other));
  const record = enterRoom(env, room, now);
  if (record === undefined) return;
  putSanction(
    env,
    room,
    record,
    other,
    { ...sanctionOf(env, room, other), isBlocked: on ? true : undefined },
    2,
  );
  env.rooms.put(room, record);
}
