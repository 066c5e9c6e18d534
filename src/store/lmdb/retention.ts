/**
 * Retention in LMDB: the oldest entries go, in steps that hold the write lock for a few
 * milliseconds each. A message's id outlives it in `gone` until it is old enough.
 */
import { storedParts } from '../../chat/entry.ts';
import type { RoomId } from '../../chat/identity.ts';
import type { RetentionPolicy } from '../../chat/store.ts';
import type { Environment } from './environment.ts';
import type { RoomRecord } from './records.ts';
import { enterRoom } from './room-step.ts';

/** Entries of one step. */
const STEP = 500;

/** One step on one room, inside a write transaction; true if there is more to do. */
export function retainStep(env: Environment, room: RoomId, policy: RetentionPolicy, now: number): boolean {
  const record = enterRoom(env, room, now);
  if (record === undefined) return false;
  const removed = trim(env, room, record, policy, now);
  if (removed > 0) void env.rooms.put(room, record);
  const forgotten = forgetIds(env, room, policy, now);
  return removed === STEP || forgotten === STEP;
}

/** Whether a room has anything for retention; a cheap read before a step. */
export function isDue(
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
): number {
  let removed = 0;
  const end = Math.min(record.head, record.first + STEP - 1) + 1;
  const oldest = [...env.log.getRange({ start: [room, record.first], end: [room, end] })];
  for (const { key, value } of oldest) {
    const { at, texts, tail } = storedParts(value);
    if (!isOver(record, at, policy, now)) break;
    const { from, id } = JSON.parse(`{${tail}`) as { from: string; id: string };
    if (at + policy.idsMs < now) void env.ids.remove([room, from, id]);
    else void env.gone.put(key, `${at} ${from} ${id}`);
    void env.log.remove(key);
    record.first = key[1] + 1;
    record.bytes -= value.length;
    record.textsBefore = texts;
    removed += 1;
  }
  return removed;
}

function forgetIds(env: Environment, room: RoomId, { idsMs }: RetentionPolicy, now: number): number {
  let forgotten = 0;
  const oldest = [
    ...env.gone.getRange({ start: [room, 0], end: [room, Number.MAX_SAFE_INTEGER], limit: STEP }),
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
