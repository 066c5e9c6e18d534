/**
 * The API for programs, operation by operation: what goes in, what comes out, who may. The HTTP
 * handlers validate by it and the OpenAPI document is made from it, so neither can be wrong about
 * the other.
 */
import * as v from 'valibot';
import type { ErrorCode } from './errors.ts';
import { DEFAULT_PAGE, type Limits } from './limits.ts';
import { cursor, messageId, room, seq, text, time, title, userSchema, whole } from './requests.ts';

/** What a key may: each includes nothing of the others. */
export const SCOPES = ['read', 'post', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below `/api/v1`, with `{room}` and `{user}`. */
  readonly path: string;
  readonly scope: Scope;
  readonly summary: string;
  readonly query?: v.ObjectSchema<v.ObjectEntries, undefined>;
  readonly body?: v.ObjectSchema<v.ObjectEntries, undefined>;
  /** Status of what went well → its body; undefined: there is none. */
  readonly replies: Readonly<Record<number, v.GenericSchema | undefined>>;
  /** Besides those of every operation. */
  readonly errors: readonly ErrorCode[];
  /** Takes the header Idempotency-Key. */
  readonly isIdempotent?: true;
}

const position = { epoch: v.string(), seq: v.number() };
const role = v.picklist(['owner', 'admin', 'member']);

export const roomSchema = v.object({
  room: v.string(),
  kind: v.picklist(['public', 'private', 'direct']),
  title: v.string(),
  epoch: v.string(),
  head: v.number(),
  first: v.number(),
  members: v.number(),
});

const message = v.object({
  room: v.string(),
  seq: v.number(),
  id: v.string(),
  from: v.string(),
  at: v.number(),
  kind: v.picklist(['text', 'edit', 'delete', 'reaction', 'system']),
  text: v.optional(v.string()),
  ref: v.optional(v.number()),
  replyTo: v.optional(v.number()),
  emoji: v.optional(v.string()),
  on: v.optional(v.boolean()),
  data: v.optional(v.unknown()),
  edited: v.optional(v.number()),
});

const member = v.object({
  user: v.string(),
  name: v.string(),
  role: v.optional(role),
  mutedUntil: v.optional(v.number()),
  banned: v.optional(v.boolean()),
  bannedUntil: v.optional(v.number()),
});

/** Path parameters by their names. */
export const PATH_SCHEMAS = { room, user: userSchema } as const;

/** Its value serves as the message's id. */
export const IDEMPOTENCY_HEADER = { name: 'Idempotency-Key', schema: messageId } as const;

/** Of every operation; the namespace is `/` without it. */
export const NAMESPACE_QUERY = 'namespace';

export function apiOperations(limits: Limits) {
  const limit = v.optional(whole(1, limits.maxPage), Math.min(DEFAULT_PAGE, limits.maxPage));
  const page = v.object({ cursor: v.optional(cursor), limit });
  return {
    postMessage: {
      method: 'POST',
      path: '/rooms/{room}/messages',
      scope: 'post',
      summary:
        'Posts a message as `from`, who need not be a member. The header Idempotency-Key serves as id.',
      body: v.object({
        id: v.optional(messageId),
        from: userSchema,
        text,
        replyTo: v.optional(seq),
        data: v.optional(v.unknown()),
      }),
      replies: {
        200: v.object({
          room: v.string(),
          ...position,
          at: v.number(),
          duplicate: v.boolean(),
          durability: v.picklist(['disk', 'replicated', 'memory']),
        }),
      },
      errors: ['muted', 'banned', 'rate_limited', 'busy'],
      isIdempotent: true,
    },
    getMessages: {
      method: 'GET',
      path: '/rooms/{room}/messages',
      scope: 'read',
      summary: 'A page of the room’s log, ascending by seq; the newest without after and before.',
      query: v.object({
        before: v.optional(whole(0, 1e14)),
        after: v.optional(whole(0, 1e14)),
        limit,
      }),
      replies: {
        200: v.object({
          epoch: v.string(),
          first: v.number(),
          messages: v.array(message),
          more: v.boolean(),
        }),
      },
      errors: [],
    },
    listRooms: {
      method: 'GET',
      path: '/rooms',
      scope: 'read',
      summary: 'Public rooms by name.',
      query: page,
      replies: {
        200: v.object({
          rooms: v.array(
            v.object({ room: v.string(), title: v.string(), members: v.number(), head: v.number() }),
          ),
          cursor: v.optional(v.string()),
        }),
      },
      errors: [],
    },
    getRoom: {
      method: 'GET',
      path: '/rooms/{room}',
      scope: 'read',
      summary: 'The state of a room.',
      replies: { 200: roomSchema },
      errors: [],
    },
    putRoom: {
      method: 'PUT',
      path: '/rooms/{room}',
      scope: 'admin',
      summary: 'Creates a room without members, or changes one.',
      body: v.object({ kind: v.optional(v.picklist(['public', 'private'])), title }),
      replies: { 200: roomSchema, 201: roomSchema },
      errors: [],
    },
    deleteRoom: {
      method: 'DELETE',
      path: '/rooms/{room}',
      scope: 'admin',
      summary: 'Deletes a room with its log. Its name goes on counting should it be created again.',
      replies: { 204: undefined },
      errors: [],
    },
    getMembers: {
      method: 'GET',
      path: '/rooms/{room}/members',
      scope: 'read',
      summary: 'Members by user.',
      query: page,
      replies: { 200: v.object({ members: v.array(member), cursor: v.optional(v.string()) }) },
      errors: [],
    },
    putMember: {
      method: 'PUT',
      path: '/rooms/{room}/members/{user}',
      scope: 'admin',
      summary: 'Adds, promotes, mutes or bans somebody, as member:set does, with the rights of the server.',
      body: v.object({
        role: v.optional(role),
        mutedUntil: v.optional(time),
        banned: v.optional(v.boolean()),
        bannedUntil: v.optional(time),
      }),
      replies: { 200: v.object({ member, ...position }) },
      errors: ['conflict'],
    },
    deleteMember: {
      method: 'DELETE',
      path: '/rooms/{room}/members/{user}',
      scope: 'admin',
      summary: 'Removes a member.',
      replies: { 200: v.object(position) },
      errors: [],
    },
    getUser: {
      method: 'GET',
      path: '/users/{user}',
      scope: 'read',
      summary: 'Presence, devices and rooms of a user.',
      replies: {
        200: v.object({
          user: v.string(),
          status: v.picklist(['online', 'away', 'offline']),
          lastSeen: v.number(),
          devices: v.array(v.object({ device: v.string(), usedAt: v.number() })),
          rooms: v.array(v.string()),
        }),
      },
      errors: [],
    },
    disconnectUser: {
      method: 'POST',
      path: '/users/{user}/disconnect',
      scope: 'admin',
      summary: 'Ends the user’s connections, wherever they are, within a second.',
      replies: { 204: undefined },
      errors: [],
    },
    revokeUser: {
      method: 'POST',
      path: '/users/{user}/revoke',
      scope: 'admin',
      summary: 'Refuses the tokens of a user that were issued before now, and ends what they opened.',
      replies: { 204: undefined },
      errors: [],
    },
  } as const satisfies Record<string, Operation>;
}

export type ApiOperations = ReturnType<typeof apiOperations>;
export type OperationId = keyof ApiOperations;
/**
 * What every operation may be answered besides its own errors: no key, or one of another scope; a
 * namespace that is not open; a store that is away, a worker that goes.
 */
export const COMMON_ERRORS: readonly ErrorCode[] = [
  'bad_request',
  'unauthorized',
  'forbidden',
  'not_found',
  'unavailable',
  'draining',
];
/** And those that take a body. */
export const BODY_ERRORS: readonly ErrorCode[] = ['too_large'];
