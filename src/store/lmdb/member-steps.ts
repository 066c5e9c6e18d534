/** Steps on memberships, devices and cursors; each inside one write transaction. */
import { draft } from '../../chat/entry.ts';
import { namespaceOf, userId, type RoomId, type UserId } from '../../chat/identity.ts';
import { isFurther, presentEpoch, settle, validUpTo } from '../../chat/position.ts';
import { checkBan, NO_SANCTION } from '../../chat/rights.ts';
import {
  MAX_CURSORS,
  type CursorMove,
  type JoinOptions,
  type Left,
  type ReadMark,
  type ReadOptions,
} from '../../chat/store-types.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Role } from '../../protocol/words.ts';
import { appendSystem } from './append-step.ts';
import type { Environment } from './environment.ts';
import { countOwn } from './read-steps.ts';
import { own, type MemberRecord, type RoomRecord, type UserRecord } from './records.ts';
import { enterRoom, newRoom } from './room-step.ts';

/** Makes the user a member; true if it was none before. */
export function joinRoom(
  env: Environment,
  room: RoomId,
  user: string,
  options: JoinOptions,
  now: number,
): boolean {
  const known = enterRoom(env, room, now);
  const member = known === undefined ? undefined : env.members.get([room, user]);
  if (known !== undefined && options.mustCreate === true)
    throw new ChatError('conflict', 'the room exists already');
  if (member !== undefined) return false;
  const { create } = options;
  if (known === undefined && create === undefined) throw new ChatError('not_found', 'no such room');
  if ((known?.sanctions ?? 0) > 0) checkBan(env.sanctions.get([room, user]) ?? NO_SANCTION, now);
  if (known !== undefined && known.kind !== 'public') throw new ChatError('not_found', 'no such room');
  checkRoomsOf(env, room, user, options.maxRoomsPerUser);
  const record = known ?? newRoom(env, room, now, create?.kind ?? 'public', create?.title ?? '');
  const role = known === undefined ? (create?.role ?? 'member') : 'member';
  newMember(env, room, record, user, options.name, role);
  env.rooms.put(room, record);
  return true;
}

/** Throws where one more room would be too many for the user. */
export function checkRoomsOf(env: Environment, room: RoomId, user: string, maxRoomsPerUser: number): void {
  if (roomsOf(env, userId(namespaceOf(room), user)).length < maxRoomsPerUser) return;
  throw new ChatError(
    'too_large',
    `a user is a member of at most ${maxRoomsPerUser} rooms (maxRoomsPerUser)`,
  );
}

/** A membership from the head on; whoever calls puts the room's record. */
export function newMember(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  user: string,
  name: string,
  role: Role,
): void {
  record.members += 1;
  if (role === 'owner') record.owners += 1;
  const point = { epoch: presentEpoch(record.chain), seq: record.head };
  void env.members.put([room, user], {
    role,
    name,
    point,
    read: record.head,
    own: 0,
    ownAtRead: 0,
    lastOwn: 0,
    cursors: {},
  });
  const id = userId(namespaceOf(room), user);
  void env.index.put([id, room], 1);
  changeUser(env, id, (entry) => entry);
}

/** The end of a membership, with its cursors; whoever calls puts the room's record. */
export function forgetMember(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  user: string,
  { role }: MemberRecord,
): void {
  record.members -= 1;
  if (role === 'owner') record.owners -= 1;
  void env.members.remove([room, user]);
  const id = userId(namespaceOf(room), user);
  void env.index.remove([id, room]);
  changeUser(env, id, (entry) => entry);
}

export function leaveRoom(env: Environment, room: RoomId, user: string, systemId: string, now: number): Left {
  const record = enterRoom(env, room, now);
  const member = record === undefined ? undefined : env.members.get([room, user]);
  if (record === undefined || member === undefined)
    throw new ChatError('not_found', 'no such room, or you are not a member of it');
  if (record.kind === 'direct') throw new ChatError('forbidden', 'a direct room cannot be left');
  if (member.role === 'owner' && record.owners === 1) {
    throw new ChatError('conflict', 'the last owner cannot leave; make somebody else an owner first');
  }
  const left = draft(user, systemId, 'system', { data: { action: 'left', user } });
  forgetMember(env, room, record, user, member);
  const batch = appendSystem(env, room, record, [left], now);
  if (batch === undefined) throw new Error('an entry that was not stored');
  return { batch, point: member.point };
}

export function roomsOf(env: Environment, user: UserId): RoomId[] {
  // A look through the index costs more than this, and most who come for the first time have no rooms.
  if (indexVersionOf(env, user) === 0) return [];
  const rooms: RoomId[] = [];
  for (const [, room] of env.index.getKeys({ start: [user, '' as RoomId], end: [user, '\uffff' as RoomId] }))
    rooms.push(room);
  return rooms;
}

/** Counts the changes of the user's rooms; 0: there was none. */
export function indexVersionOf(env: Environment, user: UserId): number {
  return env.users.get(user)?.version ?? 0;
}

/** Notes the use of a device; the first one gives it a cursor in each of the user's rooms. */
export function useDevice(
  env: Environment,
  user: UserId,
  device: string,
  maxDevices: number,
  now: number,
): void {
  const entry = env.users.get(user) ?? { version: 0, devices: {} };
  if (isNewestDevice(entry, device)) return;
  const isNew = own(entry.devices, device) === undefined;
  const others = Object.keys(entry.devices).length;
  const name = user.slice(user.indexOf('|') + 1);
  if (isNew && others > 0) {
    for (const room of roomsOf(env, user)) setCursorToHead(env, room, name, device, now);
  }
  // Later than every other, whatever the clock says: it is their order that counts.
  entry.devices[device] = Math.max(now, 1 + Math.max(0, ...Object.values(entry.devices)));
  const oldest = Object.entries(entry.devices).toSorted(([, a], [, b]) => a - b);
  for (const [forgotten] of oldest.slice(0, Math.max(0, oldest.length - maxDevices))) {
    delete entry.devices[forgotten];
    for (const room of roomsOf(env, user)) forgetCursor(env, room, name, forgotten);
  }
  void env.users.put(user, entry);
}

/** Used last already, so that using it again changes nothing. */
export function isNewestDevice({ devices }: UserRecord, device: string): boolean {
  const used = own(devices, device);
  return used !== undefined && Object.values(devices).every((other) => other <= used);
}

function setCursorToHead(env: Environment, room: RoomId, user: string, device: string, now: number): void {
  const record = enterRoom(env, room, now);
  const member = env.members.get([room, user]);
  if (record === undefined || member === undefined || own(member.cursors, device) !== undefined) return;
  member.cursors[device] = { epoch: presentEpoch(record.chain), seq: record.head };
  void env.members.put([room, user], member);
}

function forgetCursor(env: Environment, room: RoomId, user: string, device: string): void {
  const member = env.members.get([room, user]);
  if (member === undefined || own(member.cursors, device) === undefined) return;
  delete member.cursors[device];
  void env.members.put([room, user], member);
}

export function moveCursor(env: Environment, { room, user, device, to }: CursorMove, now: number): void {
  const record = enterRoom(env, room, now);
  const member = record === undefined ? undefined : env.members.get([room, user]);
  if (record === undefined || member === undefined) return;
  const known = own(member.cursors, device);
  if (known === undefined && Object.keys(member.cursors).length >= MAX_CURSORS) return;
  const cursor = known ?? member.point;
  const bounded =
    to.epoch === presentEpoch(record.chain) && to.seq > record.head ? { ...to, seq: record.head } : to;
  if (!isFurther(record.chain, bounded, cursor)) return;
  member.cursors[device] = bounded;
  void env.members.put([room, user], member);
}

export function markRead(
  env: Environment,
  room: RoomId,
  user: string,
  seq: number,
  { epoch, name }: ReadOptions,
  now: number,
): ReadMark {
  const record = enterRoom(env, room, now);
  const member = record === undefined ? undefined : env.members.get([room, user]);
  if (record === undefined || member === undefined)
    throw new ChatError('not_found', 'no such room, or you are not a member of it');
  if (epoch !== undefined && seq > validUpTo(record.chain, epoch)) {
    throw new ChatError('conflict', `seq ${seq} lies in an epoch that is over`);
  }
  const { seq: read } = settle(record, { epoch: epoch ?? presentEpoch(record.chain), seq }).position;
  const { members } = record;
  if (seq === 0 || read <= member.read) return { seq: member.read, isNew: false, members };
  member.ownAtRead = countOwn(env, room, user, member, read);
  member.read = read;
  if (name !== undefined) member.name = name;
  void env.members.put([room, user], member);
  return { seq: read, isNew: true, members };
}

function changeUser(env: Environment, user: UserId, change: (entry: UserRecord) => UserRecord): void {
  const entry = change(env.users.get(user) ?? { version: 0, devices: {} });
  void env.users.put(user, { ...entry, version: entry.version + 1 });
}
