/**
 * Deleting a room: at once it is no room any more, then what it had goes, in steps that hold the
 * write lock for a few milliseconds each. Until that is done its name cannot be taken again.
 */
import { namespaceOf, userId, type RoomId } from '../../chat/identity.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Environment } from './environment.ts';
import { indexVersionOf } from './member-steps.ts';
import { enterRoom } from './room-step.ts';

/** Records of one step. */
const STEP = 500;
/** Rooms that are looked for at once; the others come next. */
const MAX_DIRTY = 1_000;

export function closeRoom(env: Environment, room: RoomId, now: number): void {
  const record = enterRoom(env, room, now);
  if (record === undefined) throw new ChatError('not_found', 'no such room');
  const { chain, head, texts, lastAt } = record;
  env.rooms.remove(room);
  void env.listed.remove(room);
  void env.graves.put(room, { chain, head, texts, lastAt, isDirty: true });
  void env.dirty.put(room, 1);
}

/** One step; false: nothing is left. */
export function clearRoom(env: Environment, room: RoomId): boolean {
  const grave = env.graves.get(room);
  if (grave?.isDirty !== true) return false;
  let left = STEP - forgetMembers(env, room);
  for (const table of [env.log, env.gone, env.amendments])
    left -= forgetRange(table, [room, 0], [room, Number.MAX_SAFE_INTEGER], left);
  left -= forgetRange(env.ids, [room, '', ''], [room, '\uffff', ''], left);
  left -= forgetRange(env.owns, [room, '', 0], [room, '\uffff', 0], left);
  left -= forgetRange(env.sanctions, [room, ''], [room, '\uffff'], left);
  for (const hook of env.hooks.getKeys({})) void env.hookPlaces.remove([hook, room]);
  if (left > 0) {
    void env.graves.put(room, { ...grave, isDirty: false });
    void env.dirty.remove(room);
  }
  return left <= 0;
}

/** Rooms whose clearing was cut short. */
export function dirtyRooms(env: Environment): RoomId[] {
  return [...env.dirty.getKeys({ limit: MAX_DIRTY })];
}

function forgetMembers(env: Environment, room: RoomId): number {
  const members = [...env.members.getKeys({ start: [room, ''], end: [room, '\uffff'], limit: STEP })];
  for (const key of members) {
    const id = userId(namespaceOf(room), key[1]);
    void env.members.remove(key);
    void env.index.remove([id, room]);
    const user = env.users.get(id) ?? { version: 0, devices: {} };
    void env.users.put(id, { ...user, version: indexVersionOf(env, id) + 1 });
  }
  return members.length;
}

interface Table<K> {
  getKeys(range: { start: K; end: K; limit: number }): Iterable<K>;
  remove(key: K): Promise<boolean>;
}

function forgetRange<K>(table: Table<K>, start: K, end: K, limit: number): number {
  if (limit <= 0) return 0;
  const keys = [...table.getKeys({ start, end, limit })];
  for (const key of keys) void table.remove(key);
  return keys.length;
}
