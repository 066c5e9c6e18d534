/** `room:list`, `room:mine`, `room:members`: lists that come in pages. */
import { roomId } from '../../chat/identity.ts';
import { isMember, roomState } from '../../chat/room-state.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { RoomState } from '../../protocol/words.ts';
import type { Handler } from '../request.ts';

export const handleList: Handler<'room:list'> = async ({ store }, { session }, { cursor, limit }) => {
  const page = await store.listRooms(session.namespace, cursor, limit);
  return { reply: withCursor({ rooms: page.items }, page.cursor) };
};

/** The cursor of `welcome`: after it come the rooms alone that it had no place for. */
export const REST_CURSOR = 'rest:';

/** In the order of names. Of what `welcome` left out it says too where the feed started. */
export const handleMine: Handler<'room:mine'> = async ({ store }, { session }, { cursor = '', limit }) => {
  const { rooms } = await store.index(session.userId);
  const prefix = cursor.startsWith(REST_CURSOR) ? REST_CURSOR : '';
  const after = cursor.slice(prefix.length);
  const sorted = rooms.filter((room) => prefix === '' || session.isLeftOut(room)).toSorted();
  const start = sorted.findIndex((room) => room > after);
  const page = start < 0 ? [] : sorted.slice(start, start + limit);
  const views = await store.views(session.user, session.device, page);
  const states: RoomState[] = [];
  for (const [i, room] of page.entries()) {
    const view = views[i];
    if (isMember(view)) states.push(roomState(room, view, session.startOf(room)));
  }
  const isLast = start < 0 || start + limit >= sorted.length;
  return { reply: withCursor({ rooms: states }, isLast ? undefined : `${prefix}${page.at(-1)}`) };
};

export const handleMembers: Handler<'room:members'> = async ({ store }, { session }, request) => {
  const room = roomId(session.namespace, request.room);
  const page = await store.listMembers(room, { user: session.user }, request.cursor, request.limit);
  if (page === undefined)
    throw new ChatError('not_found', `no room ${request.room} that you are a member of`);
  return { reply: withCursor({ members: page.items }, page.cursor) };
};

function withCursor(reply: object, cursor: string | undefined): object {
  return cursor === undefined ? reply : { ...reply, cursor };
}
