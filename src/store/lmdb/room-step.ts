/**
 * What every step on a room begins with: its record, in the present life.
 *
 * A room that was last written in another life gets a new epoch, with base = head, before
 * anything else happens. Used inside a write transaction; `isCurrent` tells a reader whether
 * it needs one.
 */
import { randomBytes } from 'node:crypto';
import type { RoomId } from '../../chat/identity.ts';
import { epochName } from '../../chat/position.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Environment } from './environment.ts';
import type { RoomRecord } from './records.ts';

/** Epochs that are remembered; older positions count as of an unknown epoch. */
const MAX_CHAIN = 64;

export function isCurrent(env: Environment, record: RoomRecord | undefined): boolean {
  return record === undefined || record.life === env.life;
}

export function nextEpoch(now: number): string {
  return epochName(now, randomBytes(5).toString('hex'));
}

/** The room's record; an epoch that had to be opened is written already. */
export function enterRoom(env: Environment, room: RoomId, now: number): RoomRecord | undefined {
  const record = env.rooms.get(room);
  if (record === undefined || record.life === env.life) return record;
  record.chain = [...record.chain, { epoch: nextEpoch(now), base: record.head }].slice(-MAX_CHAIN);
  record.life = env.life;
  env.rooms.put(room, record);
  return record;
}

/** Among the public rooms, or not. */
export function listRoom(env: Environment, room: RoomId, kind: RoomRecord['kind']): void {
  if (kind === 'public') void env.listed.put(room, 1);
  else void env.listed.remove(room);
}

/** A record that is not put yet; where a room of this name was deleted it goes on counting. */
export function newRoom(
  env: Environment,
  room: RoomId,
  now: number,
  kind: RoomRecord['kind'],
  title: string,
): RoomRecord {
  const grave = env.graves.get(room);
  if (grave?.isDirty === true)
    throw new ChatError('busy', 'the room of this name is being deleted; try again');
  if (grave !== undefined) void env.graves.remove(room);
  listRoom(env, room, kind);
  const { chain = [], head = 0, texts = 0, lastAt = 0 } = grave ?? {};
  return {
    kind,
    title,
    life: env.life,
    chain: [...chain, { epoch: nextEpoch(now), base: head }].slice(-MAX_CHAIN),
    head,
    first: head + 1,
    members: 0,
    owners: 0,
    texts,
    textsBefore: texts,
    bytes: 0,
    lastAt: Math.max(now, lastAt),
  };
}
