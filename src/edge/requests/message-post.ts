/** `message:post`: checked, limited, and given to the committer. */
import { draft } from '../../chat/entry.ts';
import { roomId } from '../../chat/identity.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Limits } from '../../protocol/limits.ts';
import type { Answer, Handler } from '../request.ts';

export const handlePost: Handler<'message:post'> = (context, { session, posts }, request) => {
  const { id, text, replyTo, data } = request;
  checkSizes(text, data, context.settings.limits);
  const waitMs = posts?.take(context.now()) ?? 0;
  if (waitMs > 0)
    throw new ChatError('rate_limited', 'too many posts (--rate-posts)', { retryAfterMs: waitMs });
  const made = draft(session.user, id, 'text', { text, replyTo, data });
  const room = roomId(session.namespace, request.room);
  const post = (): Promise<Answer> =>
    context.committer.post(room, made).then((posted) => ({ reply: { room: request.room, ...posted } }));
  // What is sent right behind a join is a member's.
  return session.changing(room)?.then(post) ?? post();
};

function checkSizes(text: string, data: unknown, { maxTextBytes, maxDataBytes }: Limits): void {
  // A UTF-16 unit is one to three bytes, so most texts need no counting.
  if (text.length * 3 > maxTextBytes) {
    const bytes = Buffer.byteLength(text);
    if (bytes > maxTextBytes)
      throw new ChatError(
        'too_large',
        `text must be at most ${maxTextBytes} bytes (maxTextBytes); got ${bytes}`,
      );
  }
  if (data === undefined) return;
  const bytes = Buffer.byteLength(JSON.stringify(data));
  if (bytes > maxDataBytes)
    throw new ChatError(
      'too_large',
      `data must be at most ${maxDataBytes} bytes as JSON (maxDataBytes); got ${bytes}`,
    );
}
