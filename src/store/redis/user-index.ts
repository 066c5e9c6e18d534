/**
 * A user's index of rooms, kept so that it never lacks a room the user is a member of, although
 * it lies in another slot than the room (see user-scripts.ts).
 *
 *     (none) ──mark──▶ pending ──settle──▶ member ──mark──▶ pending ──settle──▶ (none)
 *
 * A pending entry that nobody settled (its worker died) is rechecked by every reader: a
 * membership is confirmed at once; none is believed when the change can no longer happen.
 */
import { randomBytes } from 'node:crypto';
import type { RoomId, UserId } from '../../chat/identity.ts';
import type { DeviceUse, RoomIndex } from '../../chat/store-types.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Position } from '../../protocol/words.ts';
import type { Keys } from './keys.ts';
import { listOf, textOf, textsOf } from './records.ts';
import type { RedisLink } from './redis-link.ts';
import { USER_SCRIPTS } from './user-scripts.ts';

/** How long a change of a membership may take, by the clock of the room's server. */
export const CHANGE_MS = 5_000;
/** How far apart the clocks of two servers may be, and then some. */
const CLOCKS_MS = 60_000;

export interface Marked {
  /** The pending entry. */
  readonly entry: string;
  /** After this the change must not happen. */
  readonly deadline: number;
}

/** Where the user is a member, if so. */
export type FindPoints = (rooms: readonly RoomId[]) => Promise<(Position | undefined)[]>;

export function memberEntry({ epoch, seq }: Position): string {
  return `m ${epoch} ${seq}`;
}

export class UserIndex {
  readonly #link: RedisLink;
  readonly #keys: Keys;

  constructor(link: RedisLink, keys: Keys) {
    this.#link = link;
    this.#keys = keys;
  }

  /** `full`: the user has as many rooms; `none`: only a known entry was to be marked, and is not there. */
  mark(user: UserId, room: RoomId, maxRooms: number | undefined): Promise<Marked | 'full' | 'none'> {
    return this.#mark(user, room, maxRooms?.toString() ?? '', false);
  }

  /** One that nobody is changing; `none`: it is not there, or somebody is. */
  async markSettled(user: UserId, room: RoomId): Promise<Marked | 'none'> {
    const marked = await this.#mark(user, room, '', true);
    return marked === 'full' ? 'none' : marked;
  }

  async #mark(
    user: UserId,
    room: RoomId,
    maxRooms: string,
    isSettled: boolean,
  ): Promise<Marked | 'full' | 'none'> {
    const nonce = randomBytes(6).toString('hex');
    const args = [room, nonce, String(CHANGE_MS), maxRooms, isSettled ? '1' : '0'];
    const entry = textOf(await this.#link.run(USER_SCRIPTS.mark, this.#keysOf(user), args));
    if (entry === 'full' || entry === 'none') return entry;
    return { entry, deadline: Number(entry.split(' ')[1]) };
  }

  /** `point`: of the membership there is now, if any; `ended`: of one that has ended. */
  async settle(
    user: UserId,
    room: RoomId,
    entry: string,
    point: Position | undefined,
    ended?: Position,
  ): Promise<void> {
    const args = [
      room,
      entry,
      point === undefined ? '' : memberEntry(point),
      ended === undefined ? '' : memberEntry(ended),
    ];
    await this.#link.run(USER_SCRIPTS.settle, this.#keysOf(user), args);
  }

  async read(user: UserId, findPoints: FindPoints): Promise<RoomIndex> {
    let found = await this.#read(user);
    if (found.pending.length > 0) {
      const points = await findPoints(found.pending.map(([room]) => room));
      for (const [i, [room, entry]] of found.pending.entries()) {
        const isOver = Number(entry.split(' ')[1]) + CLOCKS_MS < found.now;
        if (points[i] !== undefined || isOver) await this.settle(user, room, entry, points[i]);
      }
      found = await this.#read(user);
    }
    // While something is pending the version is one that `versions` never gives, so it is read again.
    const version = found.pending.length > 0 ? found.version - 1 : found.version;
    return { version, rooms: found.rooms, revokedBefore: found.revokedBefore };
  }

  /** All rooms, pending ones too, and the devices, longest unused first. */
  async known(
    user: UserId,
  ): Promise<{ readonly rooms: readonly RoomId[]; readonly devices: readonly string[] }> {
    const { rooms, devices } = await this.#read(user);
    const byUse = devices.toSorted((a, b) => a.usedAt - b.usedAt);
    return { rooms, devices: byUse.map(({ device }) => device) };
  }

  /** The last used first. */
  async devices(user: UserId): Promise<readonly DeviceUse[]> {
    const { devices } = await this.#read(user);
    return devices.toSorted((a, b) => b.usedAt - a.usedAt);
  }

  /** Notes the use of a device that is known; false for another. */
  async touch(user: UserId, device: string): Promise<boolean> {
    return (await this.#link.run(USER_SCRIPTS.touch, this.#keysOf(user), [device])) === 1;
  }

  async addDevice(user: UserId, device: string, forgotten: readonly string[]): Promise<void> {
    await this.#link.run(USER_SCRIPTS.addDevice, this.#keysOf(user), [device, ...forgotten]);
  }

  /** False: the user blocks as many already. */
  async block(user: UserId, other: string, on: boolean, maxBlocks: number): Promise<boolean> {
    const args = [other, on ? '1' : '0', String(maxBlocks)];
    return (await this.#link.run(USER_SCRIPTS.block, this.#keysOf(user), args)) === 'ok';
  }

  async blocks(user: UserId, other: string): Promise<boolean> {
    return (await this.#link.run(USER_SCRIPTS.blocks, this.#keysOf(user), [other])) === 1;
  }

  async #read(user: UserId) {
    const [version, now, fields] = listOf(await this.#link.run(USER_SCRIPTS.index, this.#keysOf(user), []));
    const flat = textsOf(fields);
    const rooms: RoomId[] = [];
    const pending: [RoomId, string][] = [];
    const devices: { device: string; usedAt: number }[] = [];
    let revokedBefore = 0;
    for (let i = 0; i + 1 < flat.length; i += 2) {
      const [field = '', value = ''] = [flat[i], flat[i + 1]];
      const name = field.slice(2);
      if (field.startsWith('d:')) devices.push({ device: name, usedAt: Number(value) });
      if (field === 'rv') revokedBefore = Number(value);
      if (!field.startsWith('r:')) continue;
      rooms.push(name as RoomId);
      if (value.startsWith('p ')) pending.push([name as RoomId, value]);
    }
    return { version: Number(version), now: Number(now), rooms, pending, devices, revokedBefore };
  }

  #keysOf(user: UserId): string[] {
    return [this.#keys.user(user, 'index'), this.#keys.user(user, 'version')];
  }
}

export function tooManyRooms(max: number | undefined): ChatError {
  return new ChatError('too_large', `a user is a member of at most ${max} rooms (maxRoomsPerUser)`);
}
