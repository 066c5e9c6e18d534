/** `message:post`: checked, limited, and given to the committer. */
import type { Posted, Poster } from '../../chat/committer.ts';
import { draft } from '../../chat/entry.ts';
import { roomId } from '../../chat/identity.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Limits } from '../../protocol/limits.ts';
import type { Durability } from '../../protocol/words.ts';
import type { Asked, Handler } from '../request.ts';

/** Hands the committer's word on to who asked. */
class Answering implements Poster {
  readonly #asked: Asked;
  readonly #room: string;

  constructor(asked: Asked, room: string) {
    this.#asked = asked;
    this.#room = room;
  }

  stored({ epoch, seq, at, duplicate }: Posted, durability: Durability): void {
    this.#asked.reply({ ok: true, room: this.#room, epoch, seq, at, duplicate, durability });
  }

  refused(error: ChatError): void {
    this.#asked.refuse(error);
  }
}

export const handlePost: Handler<'message:post'> = (context, { session, posts }, request, asked) => {
  const { id, text, replyTo, data } = request;
  checkSizes(text, data, context.settings.limits);
  const waitMs = posts?.take(context.now()) ?? 0;
  if (waitMs > 0)
    throw new ChatError('rate_limited', 'too many posts (--rate-posts)', { retryAfterMs: waitMs });
  const made = draft(session.user, id, 'text', { text, replyTo, data });
  const room = roomId(session.namespace, request.room);
  const poster = new Answering(asked, request.room);
  const change = session.changing(room);
  if (change === undefined) context.committer.post(room, made, poster);
  // What is sent right behind a join is a member's.
  else
    change
      .then(() => context.committer.post(room, made, poster))
      .catch((error: unknown) => asked.refuse(error));
  return undefined;
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
