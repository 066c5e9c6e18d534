/** `room:leave`: the membership ends with an entry of the log. */
import { encodeBatch } from '../../chat/batch.ts';
import { roomId } from '../../chat/identity.ts';
import type { Handler } from '../request.ts';

export const handleLeave: Handler<'room:leave'> = ({ store, feeds, adapter }, { session }, request) => {
  const room = roomId(session.namespace, request.room);
  return session.change(room, async () => {
    const { batch } = await store.leave(room, session.user);
    session.leave(room);
    feeds.offer(room, batch);
    adapter.publish(room, encodeBatch(batch));
    return { reply: {} };
  });
};
