/** What a post takes of the limits, and the part of it that comes back when it comes to nothing. */
import type { RoomId } from '../chat/identity.ts';
import type { Session } from '../chat/session.ts';
import { ChatError, ERRORS } from '../protocol/errors.ts';
import type { ChatContext } from './chat-context.ts';

export interface TakenPost {
  /** Rejects with `rate_limited`; undefined: it may be posted. */
  readonly allowed: Promise<void> | undefined;
  /** It was refused: to be told why. Undefined: nothing comes back. */
  readonly refused: ((error: unknown) => void) | undefined;
}

/** Throws, or rejects where the store has to be asked, with `rate_limited`. */
export function takePost({ limits }: ChatContext, session: Session, room: RoomId): TakenPost {
  const isMember = session.knows(room) || session.isLeftOut(room);
  if (!limits.areRoomsLimited || !isMember)
    return { allowed: limits.post(session.userId, undefined), refused: undefined };
  return {
    allowed: limits.post(session.userId, room),
    refused: (error) => {
      if (error instanceof ChatError && !ERRORS[error.code].retry) limits.giveBackPost(room);
    },
  };
}
