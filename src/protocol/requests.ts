/**
 * What a client may send: each request's object as a schema, unknown → typed, or a `ChatError`
 * that names the field, the limit and what came. Unknown fields are ignored and never passed on.
 */
import * as v from 'valibot';
import { ChatError } from './errors.ts';
import { DEFAULT_PAGE, type Limits } from './limits.ts';
import { DIRECT_PATTERN, MESSAGE_ID_PATTERN, ROOM_PATTERN, USER_PATTERN, type Position } from './words.ts';

const MAX_SEQ = 1e14;

function shown(input: unknown): string {
  if (typeof input === 'string')
    return input.length > 64 ? `${input.length} characters` : JSON.stringify(input);
  if (input === null || typeof input === 'number' || typeof input === 'boolean') return String(input);
  if (input === undefined) return 'nothing';
  return Array.isArray(input) ? 'an array' : typeof input === 'object' ? 'an object' : `a ${typeof input}`;
}

const must = (what: string) => (issue: { input: unknown }) => `must ${what}; got ${shown(issue.input)}`;

function isRoomName(value: string): boolean {
  if (ROOM_PATTERN.test(value)) return true;
  const match = DIRECT_PATTERN.exec(value);
  return match?.[1] !== undefined && match[2] !== undefined && match[1] < match[2];
}

const string = (what: string) => v.string(must(what));
export const room = v.pipe(
  string(`be a room: ${ROOM_PATTERN.source} or dm:<a>:<b>`),
  v.check(isRoomName, must(`match ${ROOM_PATTERN.source} or be dm:<a>:<b>`)),
);
export const namedRoom = v.pipe(
  string(`match ${ROOM_PATTERN.source}`),
  v.regex(ROOM_PATTERN, must(`match ${ROOM_PATTERN.source}`)),
);
export const userSchema = v.pipe(
  string(`match ${USER_PATTERN.source}`),
  v.regex(USER_PATTERN, must(`match ${USER_PATTERN.source}`)),
);
export const messageId = v.pipe(
  string('be 1–64 printable ASCII characters'),
  v.regex(MESSAGE_ID_PATTERN, must('be 1–64 printable ASCII characters')),
);
const boolean = v.boolean(must('be true or false'));

export const whole = (min: number, max: number) => {
  const message = must(`be a whole number from ${min} to ${max}`);
  return v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message));
};
export const seq = whole(1, MAX_SEQ);
const epoch = v.pipe(string('be an epoch'), v.maxLength(64, must('be an epoch of at most 64 characters')));

const someEpoch = v.pipe(epoch, v.minLength(1, must('be an epoch, or left out')));

/** `seq: 0` needs no epoch. */
export const positionSchema = v.pipe(
  v.object({ epoch: v.optional(epoch, ''), seq: whole(0, MAX_SEQ) }, must('be { epoch, seq }')),
  v.check((position) => position.seq === 0 || position.epoch !== '', 'must name its epoch unless seq is 0'),
  // From a client seq 0 is the wish for everything that is retained, whatever epoch it names.
  v.transform((position) => (position.seq === 0 ? { epoch: '', seq: 0 } : position)),
);
const emoji = v.pipe(
  string('be an emoji'),
  v.minBytes(1, must('be an emoji of 1 to 64 bytes')),
  v.maxBytes(64, must('be an emoji of 1 to 64 bytes')),
);
/** Milliseconds since 1970; 0: none. */
export const time = whole(0, 8.64e15);

/** As a map: the library's record leaves out names that an object has of itself, which a room may have. */
const positions = v.pipe(
  v.custom<Record<string, unknown>>(
    (input) => typeof input === 'object' && input !== null && !Array.isArray(input),
    must('be { [room]: { epoch, seq } }'),
  ),
  v.rawTransform(({ dataset: { value: input }, addIssue, NEVER }): ReadonlyMap<string, Position> => {
    const found = new Map<string, Position>();
    for (const [key, value] of Object.entries(input)) {
      const result = v.safeParse(positionSchema, value, { abortEarly: true });
      if (!result.success) {
        const [{ message, input: got, path = [] }] = result.issues;
        addIssue({
          message,
          input: got,
          path: [{ type: 'object', origin: 'value', input, key, value }, ...path],
        });
        return NEVER;
      }
      found.set(key, result.output);
    }
    return found;
  }),
);

export const cursor = v.pipe(
  string('be a cursor'),
  v.maxLength(512, must('be a cursor of at most 512 characters')),
);

export const title = v.optional(
  v.pipe(string('be a title'), v.maxBytes(256, must('be a title of at most 256 bytes'))),
);
export const text = v.string(must('be a string'));

/** The schemas, made once with the server's limits. */
export function requestSchemas(limits: Limits) {
  const limit = v.optional(whole(1, limits.maxPage), Math.min(DEFAULT_PAGE, limits.maxPage));
  const kind = v.picklist(['public', 'private'], must('be public or private'));
  return {
    'room:create': v.object({ room: v.optional(namedRoom), kind, title }),
    'room:join': v.object({ room, after: v.optional(positionSchema) }),
    'room:leave': v.object({ room }),
    'room:list': v.object({ cursor: v.optional(cursor), limit }),
    'room:mine': v.object({ cursor: v.optional(cursor), limit }),
    'room:members': v.object({ room, cursor: v.optional(cursor), limit }),
    'room:set': v.object({ room, title, kind: v.optional(kind) }),
    'member:set': v.object({
      room,
      user: userSchema,
      role: v.optional(v.picklist(['owner', 'admin', 'member'], must('be owner, admin or member'))),
      mutedUntil: v.optional(time),
      banned: v.optional(boolean),
      bannedUntil: v.optional(time),
    }),
    'member:remove': v.object({ room, user: userSchema }),
    'dm:open': v.object({ user: userSchema }),
    'user:block': v.object({ user: userSchema, on: boolean }),
    'message:post': v.object({
      room,
      id: messageId,
      text,
      replyTo: v.optional(seq),
      data: v.optional(v.unknown()),
    }),
    'message:edit': v.object({ room, id: messageId, seq, text, epoch: v.optional(someEpoch) }),
    'message:delete': v.object({ room, id: messageId, seq, epoch: v.optional(someEpoch) }),
    'message:react': v.object({ room, id: messageId, seq, emoji, on: boolean, epoch: v.optional(someEpoch) }),
    history: v.object({
      room,
      before: v.optional(whole(0, MAX_SEQ)),
      after: v.optional(whole(0, MAX_SEQ)),
      limit,
      epoch: v.optional(someEpoch),
    }),
    delivered: v.object({ positions }),
    read: v.object({ room, seq: whole(0, MAX_SEQ), epoch: v.optional(someEpoch) }),
    typing: v.object({ room, on: boolean }),
    'presence:watch': v.object({
      rooms: v.optional(v.array(room, must('be a list of rooms')), []),
      users: v.optional(v.array(userSchema, must('be a list of users')), []),
    }),
    'presence:set': v.object({ status: v.picklist(['online', 'away'], must('be online or away')) }),
    'auth:refresh': v.object({ token: string('be a token') }),
  };
}

export type RequestSchemas = ReturnType<typeof requestSchemas>;
export type RequestName = keyof RequestSchemas;
export type RequestOf<N extends RequestName> = v.InferOutput<RequestSchemas[N]>;

/** The `auth` object of a connection; the token's own claims are checked elsewhere. */
export const authSchema = v.object({
  // What a browser's storage gives for nothing is null.
  token: v.nullish(string('be a string')),
  user: v.optional(userSchema),
  device: v.optional(v.pipe(userSchema, v.notValue('__proto__', must('be another name')))),
  positions: v.optional(positions),
  subscribe: v.optional(boolean),
});

/** The object, typed; `bad_request` with the first thing that does not fit. */
export function parse<S extends v.GenericSchema>(
  schema: S,
  input: unknown,
  what = 'the object',
): v.InferOutput<S> {
  // To the library a list is an object.
  if (Array.isArray(input)) throw new ChatError('bad_request', `${what} must be an object; got a list`);
  const result = v.safeParse(schema, input, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? what;
  const message = issue.message.startsWith('must')
    ? issue.message
    : issue.path !== undefined && issue.input === undefined
      ? 'is required; got nothing'
      : must('be an object with the fields of this request')(issue);
  throw new ChatError('bad_request', `${path.slice(0, 80)} ${message}`);
}

/**
 * Refuses what must not be walked by recursion (TRAPS 6): deeper than `maxDepth`, or with
 * anything that is not plain JSON (an attachment). Walks with a stack of its own.
 */
export function checkShape(input: unknown, maxDepth: number): void {
  let level: unknown[] = [input];
  for (let depth = 0; level.length > 0; depth += 1) {
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== 'object' || value === null) continue;
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
        throw new ChatError('bad_request', 'binary data is not taken; send text');
      if (depth >= maxDepth)
        throw new ChatError(
          'bad_request',
          `the object must be at most ${maxDepth} deep (maxDepth); got something deeper`,
        );
      for (const child of Object.values(value)) next.push(child);
    }
    level = next;
  }
}
