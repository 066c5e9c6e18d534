/** `message:post`, `edit`, `delete` and `react`: checked, limited, and given to the committer. */
import type { Posted, Poster } from '../../chat/committer.ts';
import { draft, type Draft } from '../../chat/entry.ts';
import { nameOf, roomId, type RoomId } from '../../chat/identity.ts';
import { presentEpoch, validUpTo } from '../../chat/position.ts';
import { isMember } from '../../chat/room-state.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Durability } from '../../protocol/words.ts';
import type { Caller, ChatContext } from '../chat-context.ts';
import { decideBy, type IncomingMessage } from '../chat-hooks.ts';
import { checkDraftSizes, checkSizes } from '../message-sizes.ts';
import { takePost, type TakenPost } from '../post-limit.ts';
import type { Asked, Handler } from '../request.ts';

/** Hands the committer's word on to who asked. */
class Answering implements Poster {
  readonly #asked: Asked;
  readonly #room: string;
  readonly #onRefused: TakenPost['refused'];

  constructor(asked: Asked, room: string, onRefused: TakenPost['refused']) {
    this.#asked = asked;
    this.#room = room;
    this.#onRefused = onRefused;
  }

  stored({ epoch, seq, at, duplicate }: Posted, durability: Durability): void {
    this.#asked.reply({ ok: true, room: this.#room, epoch, seq, at, duplicate, durability });
  }

  refused(error: unknown): void {
    this.#onRefused?.(error);
    this.#asked.refuse(error);
  }
}

export const handlePost: Handler<'message:post'> = (context, caller, request, asked) => {
  const { room, id, text, replyTo, data } = request;
  checkSizes(text, data, context.settings.limits);
  const from = caller.session.user;
  const made = draft(from, id, 'text', { text, replyTo, data });
  return post(context, caller, room, made, asked, { from, id, kind: 'text', text, replyTo, data });
};

export const handleEdit: Handler<'message:edit'> = (context, caller, request, asked) => {
  const { room, id, seq, text, epoch } = request;
  checkSizes(text, undefined, context.settings.limits);
  const from = caller.session.user;
  const made = draft(from, id, 'edit', { ref: seq, text }, epoch);
  return post(context, caller, room, made, asked, { from, id, kind: 'edit', text, ref: seq });
};

export const handleDelete: Handler<'message:delete'> = (context, caller, request, asked) => {
  const { room, id, seq, epoch } = request;
  const made = draft(caller.session.user, id, 'delete', { ref: seq }, epoch);
  return post(context, caller, room, made, asked);
};

export const handleReact: Handler<'message:react'> = (context, caller, request, asked) => {
  const { room, id, seq, emoji, on, epoch } = request;
  const made = draft(caller.session.user, id, 'reaction', { ref: seq, emoji, on }, epoch);
  return post(context, caller, room, made, asked);
};

function post(
  context: ChatContext,
  { session }: Caller,
  name: string,
  made: Draft,
  asked: Asked,
  message?: Omit<IncomingMessage, 'namespace' | 'room'>,
): undefined {
  const room = roomId(session.namespace, name);
  const { allowed, refused } = takePost(context, session, room);
  const poster = new Answering(asked, name, refused);
  const { hooks, settings } = context;
  const isAsked = message !== undefined && hooks.onMessage !== undefined;
  const isPlain = allowed === undefined && made.about?.epoch === undefined && !isAsked;
  if (isPlain && session.changing(room) === undefined) {
    context.committer.post(room, made, poster);
    return undefined;
  }
  // It may be refused before its turn has come to hear of it.
  allowed?.catch(() => {});
  // What is sent right behind a join is a member's.
  session
    .inOrder(room, async () => {
      await allowed;
      let given = made;
      if (isAsked) {
        given = await decideBy(hooks, { namespace: session.namespace, room: name, ...message }, made);
        checkDraftSizes(given, settings.limits);
      }
      context.committer.post(room, await inPresentEpoch(context, session.user, room, given), poster);
    })
    .catch((error: unknown) => poster.refused(error));
  return undefined;
}

/** A seq of an epoch that is over is still what it was up to the base of a later one. */
async function inPresentEpoch(
  { store }: ChatContext,
  user: string,
  room: RoomId,
  made: Draft,
): Promise<Draft> {
  const { about } = made;
  if (about?.epoch === undefined) return made;
  const [view] = await store.views(user, undefined, [room]);
  if (!isMember(view)) throw new ChatError('not_found', `no room ${nameOf(room)} that you are a member of`);
  if (about.seq > validUpTo(view.info.chain, about.epoch))
    throw new ChatError('conflict', `seq ${about.seq} lies in an epoch that is over`);
  // The step refuses it should another epoch have begun meanwhile.
  return { ...made, about: { ...about, epoch: presentEpoch(view.info.chain) } };
}
