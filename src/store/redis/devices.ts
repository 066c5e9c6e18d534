/** Devices of users, and their cursors in rooms. */
import { nameOf, type RoomId, type UserId } from '../../chat/identity.ts';
import type { CursorMove, MayAdd } from '../../chat/store-types.ts';
import { inWindows } from './chunks.ts';
import type { RoomSteps } from './room-steps.ts';
import type { UserIndex } from './user-index.ts';

/** Notes the use of one in the user's index, with a cursor in each of their rooms. */
export async function useDevice(
  index: UserIndex,
  steps: RoomSteps,
  user: UserId,
  device: string,
  maxDevices: number,
  mayAdd: MayAdd | undefined,
): Promise<void> {
  if (await index.touch(user, device)) return;
  const name = nameOf(user);
  const { rooms, devices } = await index.known(user);
  const known = devices.filter((other) => other !== device);
  if (known.length === devices.length) await mayAdd?.(rooms.length);
  // The device is known only when all its cursors are set, so that one that was cut short goes on.
  if (known.length > 0) await inWindows(rooms, (room) => steps.device(room, name, device, 'head'));
  const forgotten = known.slice(0, Math.max(0, known.length + 1 - maxDevices));
  for (const other of forgotten) await inWindows(rooms, (room) => steps.device(room, name, other, 'forget'));
  await index.addDevice(user, device, forgotten);
}

/** One call for each room. */
export async function moveCursors(steps: RoomSteps, moves: readonly CursorMove[]): Promise<void> {
  const byRoom = new Map<RoomId, CursorMove[]>();
  for (const move of moves) {
    const known = byRoom.get(move.room);
    if (known === undefined) byRoom.set(move.room, [move]);
    else known.push(move);
  }
  await inWindows([...byRoom], ([room, list]) => steps.move(room, list));
}
