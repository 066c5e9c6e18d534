/** `room:leave`: the membership ends with an entry of the log. */
import { roomId } from '../../chat/identity.ts';
import type { Handler } from '../request.ts';

export const handleLeave: Handler<'room:leave'> = ({ store, handOn }, { session }, request) => {
  const room = roomId(session.namespace, request.room);
  return session.change(room, async () => {
    const { batch } = await store.leave(room, session.user);
    session.leave(room);
    handOn(room, batch);
    return { reply: {} };
  });
};
