/** What each operation of the API does: what the requests of a client do, with the rights of the server. */
import { randomBytes } from 'node:crypto';
import type * as v from 'valibot';
import type { Posted, Poster } from '../../chat/committer.ts';
import { draft } from '../../chat/entry.ts';
import { nameOf, roomId, userId, type RoomId } from '../../chat/identity.ts';
import { presentEpoch } from '../../chat/position.ts';
import { presenceOf, NEVER_SEEN } from '../../chat/presence.ts';
import type { Act } from '../../chat/rights.ts';
import type { RoomInfo } from '../../chat/store-types.ts';
import type { ApiOperations, OperationId } from '../../protocol/api.ts';
import { ChatError } from '../../protocol/errors.ts';
import { DIRECT_PATTERN } from '../../protocol/words.ts';
import type { ChatContext } from '../chat-context.ts';
import { messagesOf } from '../shown-messages.ts';
import { decideBy } from '../chat-hooks.ts';
import { checkDraftSizes, checkSizes } from '../message-sizes.ts';
import { govern } from '../govern.ts';

type Parsed<O, K extends 'query' | 'body'> = O extends { readonly [P in K]: infer S }
  ? S extends v.GenericSchema
    ? v.InferOutput<S>
    : undefined
  : undefined;

export interface ApiCall<N extends OperationId> {
  readonly namespace: string;
  readonly room: string;
  readonly user: string;
  readonly query: Parsed<ApiOperations[N], 'query'>;
  readonly body: Parsed<ApiOperations[N], 'body'>;
  /** The `Idempotency-Key` header. */
  readonly idempotencyKey: string | undefined;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body?: object;
}

export type ApiHandlers = {
  readonly [N in OperationId]: (context: ChatContext, call: ApiCall<N>) => Promise<ApiAnswer>;
};

const NONE: ApiAnswer = { status: 204 };

export const API_HANDLERS: ApiHandlers = {
  async postMessage(context, { namespace, room: name, body, idempotencyKey }) {
    const { from, text, replyTo, data } = body;
    checkSizes(text, data, context.settings.limits);
    const id = body.id ?? idempotencyKey ?? randomBytes(12).toString('hex');
    const room = roomId(namespace, name);
    await context.limits.post(userId(namespace, from), room);
    const message = { namespace, room: name, from, id, kind: 'text', text, replyTo, data } as const;
    const made = await decideBy(context.hooks, message, draft(from, id, 'text', { text, replyTo, data }));
    checkDraftSizes(made, context.settings.limits);
    const reply = await new Promise<object>((resolve, reject) => {
      const poster: Poster = {
        stored: ({ epoch, seq, at, duplicate }: Posted, durability) =>
          resolve({ room: name, epoch, seq, at, duplicate, durability }),
        refused: reject,
      };
      context.committer.post(room, { ...made, byProgram: true }, poster);
    });
    return { status: 200, body: reply };
  },

  getMessages({ store, pages }, { namespace, room: name, query }) {
    const { before, after, limit } = query;
    return pages.run(async () => {
      // Nobody’s name: what lies before a membership is not hidden from a program.
      const page = await store.history(roomId(namespace, name), { user: '', before, after, limit });
      const { info, more } = page;
      return {
        status: 200,
        body: { epoch: presentEpoch(info.chain), first: info.first, messages: messagesOf(page), more },
      };
    });
  },

  async listRooms({ store }, { namespace, query }) {
    const { items, cursor } = await store.listRooms(namespace, query.cursor, query.limit);
    return { status: 200, body: { rooms: items, ...(cursor === undefined ? {} : { cursor }) } };
  },

  async getRoom(context, { namespace, room }) {
    return { status: 200, body: await stateOf(context, roomId(namespace, room)) };
  },

  async putRoom(context, { namespace, room: name, body }) {
    if (DIRECT_PATTERN.test(name)) throw new ChatError('forbidden', 'a direct room is opened by its users');
    const room = roomId(namespace, name);
    const { kind, title } = body;
    const isNew = await context.store.createRoom(room, { kind: kind ?? 'public', title: title ?? '' });
    if (!isNew) await governAsServer(context, namespace, name, { do: 'set', kind, title });
    return { status: isNew ? 201 : 200, body: await stateOf(context, room) };
  },

  async deleteRoom({ store, tellRoom }, { namespace, room: name }) {
    const room = roomId(namespace, name);
    await store.deleteRoom(room);
    tellRoom(room, { kind: 'deleted' });
    return NONE;
  },

  async getMembers({ store }, { namespace, room, query }) {
    const page = await store.listMembers(roomId(namespace, room), 'server', query.cursor, query.limit);
    const { items, cursor } = page;
    return { status: 200, body: { members: items, ...(cursor === undefined ? {} : { cursor }) } };
  },

  async putMember(context, { namespace, room, user, body }) {
    if (body.bannedUntil !== undefined && body.banned !== true)
      throw new ChatError('bad_request', 'bannedUntil goes with banned: true');
    const { governed, at } = await governAsServer(context, namespace, room, { do: 'member', user, ...body });
    return { status: 200, body: { member: governed.target, ...at } };
  },

  async deleteMember(context, { namespace, room, user }) {
    const { at } = await governAsServer(context, namespace, room, { do: 'remove', user });
    return { status: 200, body: at };
  },

  async getUser({ store, settings }, { namespace, user }) {
    const id = userId(namespace, user);
    const [[record], devices, { rooms }] = await Promise.all([
      store.presence([id]),
      store.devices(id),
      store.index(id),
    ]);
    if (record === 'unknown')
      throw new ChatError('unavailable', 'what the store knows of this user cannot be read');
    // After the records: one entered under a lease that began in between would count as over.
    const leases = await store.leases();
    const views = await store.views(user, undefined, rooms);
    const { status, lastSeen } = presenceOf(
      record ?? NEVER_SEEN,
      leases,
      settings.presenceGraceMs,
      Date.now(),
    );
    const own = rooms.filter((_, i) => views[i]?.membership !== undefined);
    return { status: 200, body: { user, status, lastSeen, devices, rooms: own.map((room) => nameOf(room)) } };
  },

  async disconnectUser({ store }, { namespace, user }) {
    await store.giveOrder('disconnect', userId(namespace, user));
    return NONE;
  },

  async revokeUser({ store }, { namespace, user }) {
    await store.giveOrder('revoke', userId(namespace, user));
    return NONE;
  },
};

function governAsServer(context: ChatContext, namespace: string, room: string, act: Act) {
  return govern(context, 'server', namespace, room, act);
}

async function stateOf({ store }: ChatContext, room: RoomId): Promise<object> {
  const [view] = await store.views('', undefined, [room]);
  if (view === undefined) throw new ChatError('not_found', 'no such room');
  return roomOf(room, view.info);
}

function roomOf(room: RoomId, { kind, title, chain, head, first, members }: RoomInfo): object {
  return { room: nameOf(room), kind, title, epoch: presentEpoch(chain), head, first, members };
}
