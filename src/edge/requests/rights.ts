/** `room:set`, `member:set`, `member:remove`: acts on a room and its members, by whoever may (chat/rights.ts). */
import { roomId } from '../../chat/identity.ts';
import type { Act } from '../../chat/rights.ts';
import { isMember, roomState } from '../../chat/room-state.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Caller, ChatContext } from '../chat-context.ts';
import { govern, type Done } from '../govern.ts';
import { takePost } from '../post-limit.ts';
import type { Handler } from '../request.ts';

export const handleSet: Handler<'room:set'> = async (context, caller, { room: name, title, kind }) => {
  const { session } = caller;
  await governAsPost(context, caller, name, { do: 'set', title, kind });
  const room = roomId(session.namespace, name);
  const [view] = await context.store.views(session.user, session.device, [room]);
  if (!isMember(view)) throw new ChatError('not_found', 'no such room, or you are not a member of it');
  return { reply: roomState(room, view) };
};

export const handleMemberSet: Handler<'member:set'> = async (context, caller, request) => {
  const { room, ...change } = request;
  if (change.bannedUntil !== undefined && change.banned !== true)
    throw new ChatError('bad_request', 'bannedUntil goes with banned: true');
  await context.limits.join(caller.session.userId);
  const { governed, at } = await governBy(context, caller, room, { do: 'member', ...change });
  return { reply: { member: governed.target, ...at } };
};

export const handleMemberRemove: Handler<'member:remove'> = async (context, caller, { room, user }) => {
  const { at } = await governAsPost(context, caller, room, { do: 'remove', user });
  return { reply: at };
};

/** An act that counts as a post, since it is an entry of the log like one. */
async function governAsPost(context: ChatContext, caller: Caller, name: string, act: Act): Promise<Done> {
  const { session } = caller;
  const { allowed, refused } = takePost(context, session, roomId(session.namespace, name));
  await allowed;
  try {
    return await governBy(context, caller, name, act);
  } catch (error) {
    refused?.(error);
    throw error;
  }
}

function governBy(context: ChatContext, { session }: Caller, name: string, act: Act): Promise<Done> {
  return govern(context, { user: session.user }, session.namespace, name, act);
}
