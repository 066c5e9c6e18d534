/** `dm:open` and `user:block`: one to one. */
import { directRoom, roomId, userId, type RoomId } from '../../chat/identity.ts';
import type { Session } from '../../chat/session.ts';
import { ChatError } from '../../protocol/errors.ts';
import { authorize, isAsked } from '../authorize-all.ts';
import type { ChatContext } from '../chat-context.ts';
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
    if (isAsked(context)) await ask(context, session, room, name);
    const joined = await store.openDirect(room, session.user, other, {
      name: session.name,
      device: session.device,
      maxRoomsPerUser: settings.limits.maxRoomsPerUser,
    });
    if (joined.isNew) tellOfIndex(userId(session.namespace, other));
    return beginJoined(context, caller, room, name, joined, undefined);
  });
};

/** Opening one is joining it, and creating it where nobody has. */
async function ask(
  context: ChatContext,
  { namespace, user }: Session,
  room: RoomId,
  name: string,
): Promise<void> {
  await authorize(context, { action: 'join', namespace, user, room: name });
  const [head] = await context.store.heads([room]);
  if (head === undefined) await authorize(context, { action: 'create', namespace, user, room: name });
}

export const handleBlock: Handler<'user:block'> = async ({ store, settings }, { session }, { user, on }) => {
  if (user === session.user) throw new ChatError('bad_request', 'user must be somebody else');
  await store.block(session.userId, user, on, settings.maxBlocksPerUser);
  return { reply: {} };
};
