/** `history`: a page of the past, for members. */
import { setImmediate as turn } from 'node:timers/promises';
import { roomId } from '../../chat/identity.ts';
import { presentEpoch, validUpTo } from '../../chat/position.ts';
import type { Session } from '../../chat/session.ts';
import type { RoomInfo } from '../../chat/store-types.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { RequestOf } from '../../protocol/requests.ts';
import type { ChatContext } from '../chat-context.ts';
import type { Answer, Handler } from '../request.ts';
import { messagesOf } from '../shown-messages.ts';

export const handleHistory: Handler<'history'> = (context, { session }, request) =>
  // A client may ask for a thousand pages in one turn.
  session.outlet.pages.run(() => context.pages.run(() => pageOf(context, session, request)));

async function pageOf(
  { store, confirmed }: ChatContext,
  session: Session,
  request: RequestOf<'history'>,
): Promise<Answer> {
  await turn();
  if (session.isClosed) throw new ChatError('unavailable', 'the connection is closed');
  const { before, after, limit, epoch } = request;
  const room = roomId(session.namespace, request.room);
  const page = await store.history(room, { user: session.user, before, after, limit });
  // As a feed does: whoever was disconnected or revoked meanwhile is gone when this is over.
  await confirmed();
  if (session.isClosed) throw new ChatError('unavailable', 'the connection is closed');
  if (page.membership === undefined)
    throw new ChatError('not_found', 'no such room, or you are not a member of it');
  if (epoch !== undefined) checkEpoch(page.info, epoch, Math.max(after ?? 0, (before ?? 1) - 1));
  const present = presentEpoch(page.info.chain);
  const last = page.entries.at(-1);
  if (last !== undefined) session.gave(room, { epoch: present, seq: last.seq });
  return {
    reply: {
      epoch: present,
      first: page.info.first,
      messages: messagesOf(page),
      more: page.more,
    },
  };
}

/** A seq of an epoch that is over means something only up to the base of a later one. */
function checkEpoch({ chain }: RoomInfo, epoch: string, seq: number): void {
  if (seq > validUpTo(chain, epoch))
    throw new ChatError('conflict', `seq ${seq} lies in an epoch that is over`);
}
