/** `dm:open` and `user:block`: one to one. */
import { directRoom, roomId, userId } from '../../chat/identity.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Handler } from '../request.ts';
import { beginJoined } from './room-join.ts';

export const handleDirect: Handler<'dm:open'> = (context, caller, { user: other }) => {
  const { session } = caller;
  const { store, settings, tellOfIndex } = context;
  if (other === session.user) throw new ChatError('bad_request', 'user must be somebody else');
  const name = directRoom(session.user, other);
  const room = roomId(session.namespace, name);
  return session.change(room, async () => {
    await context.limits.join(session.userId);
    const joined = await store.openDirect(room, session.user, other, {
      name: session.name,
      device: session.device,
      maxRoomsPerUser: settings.limits.maxRoomsPerUser,
    });
    if (joined.isNew) tellOfIndex(userId(session.namespace, other));
    return beginJoined(context, caller, room, name, joined, undefined);
  });
};

export const handleBlock: Handler<'user:block'> = async ({ store, settings }, { session }, { user, on }) => {
  if (user === session.user) throw new ChatError('bad_request', 'user must be somebody else');
  await store.block(session.userId, user, on, settings.maxBlocksPerUser);
  return { reply: {} };
};
