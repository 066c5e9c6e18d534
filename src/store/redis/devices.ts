/** The use of a device: noted in the user's index, with a cursor in each of their rooms. */
import { nameOf, type UserId } from '../../chat/identity.ts';
import { inWindows } from './chunks.ts';
import type { RoomSteps } from './room-steps.ts';
import type { UserIndex } from './user-index.ts';

export async function useDevice(
  index: UserIndex,
  steps: RoomSteps,
  user: UserId,
  device: string,
  maxDevices: number,
): Promise<void> {
  if (await index.touch(user, device)) return;
  const name = nameOf(user);
  const { rooms, devices } = await index.known(user);
  const known = devices.filter((other) => other !== device);
  // The device is known only when all its cursors are set, so that one that was cut short goes on.
  if (known.length > 0) await inWindows(rooms, (room) => steps.device(room, name, device, 'head'));
  const forgotten = known.slice(0, Math.max(0, known.length + 1 - maxDevices));
  for (const other of forgotten) await inWindows(rooms, (room) => steps.device(room, name, other, 'forget'));
  await index.addDevice(user, device, forgotten);
}
