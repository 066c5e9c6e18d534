/** `room:create` and `room:join`: becoming a member, and beginning the feed. */
import { randomBytes } from 'node:crypto';
import { roomId, type RoomId } from '../../chat/identity.ts';
import type { Joined } from '../../chat/store.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Position } from '../../protocol/words.ts';
import { ROOM_PATTERN } from '../../protocol/words.ts';
import type { Caller, ChatContext } from '../chat-context.ts';
import type { Answer, Handler } from '../request.ts';

export const handleCreate: Handler<'room:create'> = async (context, caller, request) => {
  const name = request.room ?? `r-${randomBytes(9).toString('hex')}`;
  const room = roomId(caller.session.namespace, name);
  const joined = await context.store.join(room, caller.session.user, {
    ...common(context, caller),
    create: { kind: request.kind, title: request.title ?? '', role: 'owner' },
    mustCreate: true,
  });
  return begin(context, caller, room, name, joined, undefined);
};

export const handleJoin: Handler<'room:join'> = async (context, caller, request) => {
  const { session } = caller;
  const room = roomId(session.namespace, request.room);
  const mayCreate = context.settings.rooms === 'open' && ROOM_PATTERN.test(request.room);
  const joined = await context.store.join(room, session.user, {
    ...common(context, caller),
    create: mayCreate ? { kind: 'public', title: '', role: 'member' } : undefined,
  });
  return begin(context, caller, room, request.room, joined, request.after);
};

function common({ settings }: ChatContext, { session }: Caller) {
  return { name: session.name, device: session.device, maxRoomsPerUser: settings.limits.maxRoomsPerUser };
}

function begin(
  context: ChatContext,
  caller: Caller,
  room: RoomId,
  name: string,
  joined: Joined,
  after: Position | undefined,
): Answer {
  const { session } = caller;
  if (session.isClosed) throw new ChatError('unavailable', 'the connection is closed');
  if (joined.isNew) {
    // This user's other sockets, here and elsewhere, get the room too.
    context.sessions.hint(session.userId);
    context.adapter.notify({ kind: 'index', user: session.userId });
  }
  const { state, start } = session.begin(room, joined, name, { after });
  return { reply: state, after: start };
}
