/** `delivered` (a device's cursor) and `read` (a user's). */
import { roomId } from '../../chat/identity.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Handler } from '../request.ts';

export const handleDelivered: Handler<'delivered'> = async (
  { cursors, settings },
  { session },
  { positions },
) => {
  const { maxRoomsPerUser } = settings.limits;
  if (positions.size > maxRoomsPerUser) {
    throw new ChatError(
      'too_large',
      `positions must be at most ${maxRoomsPerUser} (maxRoomsPerUser); got ${positions.size}`,
    );
  }
  const { device, user } = session;
  if (device === undefined) return { reply: {} };
  await session.ready();
  const moves: Promise<void>[] = [];
  for (const [name, position] of positions) {
    const room = roomId(session.namespace, name);
    const to = session.cut(room, position);
    if (to !== undefined && to.seq > 0)
      moves.push(cursors.move({ room, user, device, to }).then(() => session.moved(room, to)));
  }
  await Promise.all(moves);
  return { reply: {} };
};

export const handleRead: Handler<'read'> = async ({ store, settings, tellRoom }, { session }, request) => {
  const room = roomId(session.namespace, request.room);
  const { user, name } = session;
  const { epoch } = request;
  const { seq, isNew, members } = await store.markRead(room, user, request.seq, { epoch, name });
  if (isNew && members <= settings.limits.maxPresenceList)
    tellRoom(room, { kind: 'read', user, seq }, session);
  return { reply: {} };
};
