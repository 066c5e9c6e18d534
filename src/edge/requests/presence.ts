/** `presence:watch`, `presence:set`, `typing`: who is there, and what they are doing. */
import { roomId, userId } from '../../chat/identity.ts';
import { isMember } from '../../chat/room-state.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Handler } from '../request.ts';

export const handleWatch: Handler<'presence:watch'> = async (context, { session }, request) => {
  const { store, board, roll, settings } = context;
  checkNumber('rooms', request.rooms, settings.limits.maxPresenceList);
  checkNumber('users', request.users, settings.limits.maxPresenceList);
  const rooms = request.rooms.map((name) => roomId(session.namespace, name));
  const views = await store.views(session.user, undefined, rooms);
  for (const [i, name] of request.rooms.entries())
    if (!isMember(views[i])) throw new ChatError('not_found', `no room ${name} that you are a member of`);
  const users = request.users.map((name) => userId(session.namespace, name));
  // Who came to this worker before it was asked is there.
  await roll.settle();
  return { reply: await board.watch(session, users, rooms) };
};

export const handlePresence: Handler<'presence:set'> = async ({ roll }, { session }, { status }) => {
  roll.set(session.userId, session, status);
  await roll.settle();
  return { reply: {} };
};

export const handleTyping: Handler<'typing'> = async (context, { session }, { room: name, on }) => {
  const room = roomId(session.namespace, name);
  await session.ready();
  if (!session.knows(room)) throw new ChatError('not_found', `no room ${name} that you are a member of`);
  context.tellRoom(room, { kind: 'typing', user: session.user, on });
  return { reply: {} };
};

function checkNumber(what: string, list: readonly unknown[], max: number): void {
  if (list.length > max)
    throw new ChatError('too_large', `${what} must be at most ${max} (maxPresenceList); got ${list.length}`);
}
