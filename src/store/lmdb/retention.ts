/**
 * Retention in LMDB: the oldest entries go, in steps that hold the write lock for a few
 * milliseconds each. A message's id outlives it in `gone` until it is old enough.
 */
import { kindLetter, storedParts } from '../../chat/entry.ts';
import type { RoomId } from '../../chat/identity.ts';
import type { RetentionPolicy } from '../../chat/store-types.ts';
import type { Environment } from './environment.ts';
import type { RoomRecord } from './records.ts';
import { enterRoom } from './room-step.ts';
import { authorOf } from '../author.ts';

/** Entries, and rooms, of one step. */
const STEP = 1_000;

const TEXT = kindLetter('text');
const SYSTEM = kindLetter('system');

/** One step on these rooms, inside a write transaction; the rooms that have more to do. */
export function retainStep(
  env: Environment,
  rooms: readonly RoomId[],
  policy: RetentionPolicy,
  now: number,
): RoomId[] {
  let budget = STEP;
  return rooms.filter((room) => {
    if (budget <= 0) return true;
    const done = retainRoom(env, room, policy, now, budget);
    budget -= done;
    return budget <= 0;
  });
}

/** Does up to `budget` entries and ids; how many. */
function retainRoom(
  env: Environment,
  room: RoomId,
  policy: RetentionPolicy,
  now: number,
  budget: number,
): number {
  const record = enterRoom(env, room, now);
  if (record === undefined) return 0;
  const removed = trim(env, room, record, policy, now, budget);
  if (removed > 0) env.rooms.put(room, record);
  return removed + forgetIds(env, room, policy, now, budget - removed);
}

/** The next rooms after `after` that have anything for retention; `last`: where to go on, if there are more. */
export function dueRooms(
  env: Environment,
  after: RoomId | undefined,
  policy: RetentionPolicy,
  now: number,
): { readonly due: RoomId[]; readonly last: RoomId | undefined } {
  const due: RoomId[] = [];
  let last: RoomId | undefined;
  let looked = 0;
  const range = after === undefined ? {} : { start: after, exclusiveStart: true };
  for (const { key, value } of env.rooms.range({ ...range, limit: LOOK })) {
    if (isDue(env, key, value, policy, now)) due.push(key);
    last = key;
    looked += 1;
  }
  return { due, last: looked < LOOK ? undefined : last };
}

/** Rooms looked at in one turn of the event loop. */
const LOOK = 200;

/** Whether a room has anything for retention; a cheap read before a step. */
function isDue(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  policy: RetentionPolicy,
  now: number,
): boolean {
  if (record.first > record.head) return hasOldIds(env, room, policy, now);
  const oldest = env.log.get([room, record.first]);
  return (
    (oldest !== undefined && isOver(record, storedParts(oldest).at, policy, now)) ||
    hasOldIds(env, room, policy, now)
  );
}

function hasOldIds(env: Environment, room: RoomId, policy: RetentionPolicy, now: number): boolean {
  for (const { value } of env.gone.getRange({
    start: [room, 0],
    end: [room, Number.MAX_SAFE_INTEGER],
    limit: 1,
  })) {
    return Number.parseInt(value, 10) + policy.idsMs < now;
  }
  return false;
}

function isOver(
  record: RoomRecord,
  at: number,
  { maxAgeMs, maxMessages, maxBytes }: RetentionPolicy,
  now: number,
): boolean {
  if (maxAgeMs !== undefined && at + maxAgeMs < now) return true;
  if (maxMessages !== undefined && record.head - record.first + 1 > maxMessages) return true;
  return maxBytes !== undefined && record.bytes > maxBytes;
}

function trim(
  env: Environment,
  room: RoomId,
  record: RoomRecord,
  policy: RetentionPolicy,
  now: number,
  budget: number,
): number {
  let removed = 0;
  const end = Math.min(record.head, record.first + budget - 1) + 1;
  const oldest = [...env.log.getRange({ start: [room, record.first], end: [room, end] })];
  for (const { key, value } of oldest) {
    const { letter, at, texts, own, tail } = storedParts(value);
    if (!isOver(record, at, policy, now)) break;
    const { from, id } = authorOf(tail);
    if (letter === TEXT && env.owns.get([room, from, own]) === key[1])
      void env.owns.remove([room, from, own]);
    if (letter !== SYSTEM) {
      if (at + policy.idsMs < now) void env.ids.remove([room, from, id]);
      else void env.gone.put(key, `${at} ${from} ${id}`);
    }
    if ((record.amendments ?? 0) > 0) void env.amendments.remove(key);
    void env.log.remove(key);
    record.first = key[1] + 1;
    record.bytes -= Buffer.byteLength(value);
    record.textsBefore = texts;
    removed += 1;
  }
  return removed;
}

function forgetIds(
  env: Environment,
  room: RoomId,
  { idsMs }: RetentionPolicy,
  now: number,
  budget: number,
): number {
  if (budget <= 0) return 0;
  let forgotten = 0;
  const oldest = [
    ...env.gone.getRange({ start: [room, 0], end: [room, Number.MAX_SAFE_INTEGER], limit: budget }),
  ];
  for (const { key, value } of oldest) {
    const [at = '0', from = '', ...id] = value.split(' ');
    if (Number(at) + idsMs >= now) break;
    void env.ids.remove([room, from, id.join(' ')]);
    void env.gone.remove(key);
    forgotten += 1;
  }
  return forgotten;
}
