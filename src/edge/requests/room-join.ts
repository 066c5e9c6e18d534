/** `room:create` and `room:join`: becoming a member, and beginning the feed. */
import { randomBytes } from 'node:crypto';
import { roomId, type RoomId } from '../../chat/identity.ts';
import type { Joined, JoinOptions } from '../../chat/store-types.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Position } from '../../protocol/words.ts';
import { ROOM_PATTERN } from '../../protocol/words.ts';
import { authorize, isAsked } from '../authorize-all.ts';
import type { Caller, ChatContext } from '../chat-context.ts';
import type { Answer, Handler } from '../request.ts';

export const handleCreate: Handler<'room:create'> = (context, caller, request) => {
  const name = request.room ?? `r-${randomBytes(9).toString('hex')}`;
  return join(context, caller, name, undefined, {
    create: { kind: request.kind, title: request.title ?? '', role: 'owner' },
    mustCreate: true,
  });
};

export const handleJoin: Handler<'room:join'> = (context, caller, request) => {
  const mayCreate = context.settings.rooms === 'open' && ROOM_PATTERN.test(request.room);
  return join(context, caller, request.room, request.after, {
    create: mayCreate ? { kind: 'public', title: '', role: 'member' } : undefined,
  });
};

function join(
  context: ChatContext,
  caller: Caller,
  name: string,
  after: Position | undefined,
  how: Pick<JoinOptions, 'create' | 'mustCreate'>,
): Promise<Answer> {
  const { store, settings } = context;
  const { session } = caller;
  const room = roomId(session.namespace, name);
  return session.change(room, async () => {
    await context.limits.join(session.userId);
    const ask = (action: 'create' | 'join'): Promise<void> =>
      authorize(context, { action, namespace: session.namespace, user: session.user, room: name });
    const become = (create: JoinOptions['create']): Promise<Joined> =>
      store.join(room, session.user, {
        name: session.name,
        device: session.device,
        maxRoomsPerUser: settings.limits.maxRoomsPerUser,
        ...how,
        create,
      });
    await ask(how.mustCreate === true ? 'create' : 'join');
    const joined =
      how.mustCreate !== true && how.create !== undefined && isAsked(context)
        ? await joinOrCreate(become, how.create, () => ask('create'))
        : await become(how.create);
    return beginJoined(context, caller, room, name, joined, after);
  });
}

/** Who may join may not create by it what they may not create. */
async function joinOrCreate(
  become: (create: JoinOptions['create']) => Promise<Joined>,
  create: JoinOptions['create'],
  mayCreate: () => Promise<void>,
): Promise<Joined> {
  try {
    return await become(undefined);
  } catch (error) {
    if (!(error instanceof ChatError) || error.code !== 'not_found') throw error;
  }
  await mayCreate();
  return become(create);
}

/** The room's state, and its feed behind it. */
export function beginJoined(
  context: ChatContext,
  caller: Caller,
  room: RoomId,
  name: string,
  joined: Joined,
  after: Position | undefined,
): Answer {
  const { session } = caller;
  if (joined.isNew) {
    // This user's other sockets, here and elsewhere, get the room too; also where this one is gone.
    context.tellOfIndex(session.userId);
    context.tellOfMembers(room);
    context.tellOfJoin(room, session.user);
  }
  if (session.isClosed) throw new ChatError('unavailable', 'the connection is closed');
  const { state, start } = session.begin(room, joined, name, { after });
  return { reply: state, after: start };
}
