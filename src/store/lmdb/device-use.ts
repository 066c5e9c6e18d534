/** The use of a device: noted, and where it is new, with a cursor in each of the user's rooms. */
import type { UserId } from '../../chat/identity.ts';
import type { MayAdd } from '../../chat/store-types.ts';
import type { LmdbData } from './lmdb-data.ts';
import { isNewestDevice, roomsOf, useDevice } from './member-steps.ts';
import { own } from './records.ts';

export async function noteDevice(
  data: LmdbData,
  user: UserId,
  device: string,
  maxDevices: number,
  mayAdd: MayAdd | undefined,
): Promise<void> {
  const { env } = data;
  // Most connections are of the device that was used last: nothing to write.
  const entry = data.read(() => env.users.get(user));
  if (entry !== undefined && isNewestDevice(entry, device)) return;
  if (own(entry?.devices ?? {}, device) === undefined)
    await mayAdd?.(data.read(() => roomsOf(env, user).length));
  return data.write(() => useDevice(env, user, device, maxDevices, data.now()));
}
