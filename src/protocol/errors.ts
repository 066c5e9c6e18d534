/**
 * The error table: every code a peer can be told, and what each means for it.
 *
 * Two kinds of failure exist. A `ChatError` is told to the peer as it is. Anything else is
 * ours: logged whole and sent as `internal`. The README's table is tested against this one.
 */
export const ERRORS = {
  bad_request: {
    http: 400,
    retry: false,
    meaning: 'the object does not fit; the message names field, limit and what came',
  },
  unauthorized: { http: 401, retry: false, meaning: 'no or invalid token' },
  expired: { http: 401, retry: false, meaning: 'get a new token and connect again' },
  forbidden: {
    http: 403,
    retry: false,
    meaning: 'the role does not allow it, or blocked, or the token is not for this namespace',
  },
  muted: { http: 403, retry: false, meaning: 'may not post now; `retryAfterMs` says when that ends' },
  banned: { http: 403, retry: false, meaning: 'may not join; `retryAfterMs` where it ends' },
  not_found: {
    http: 404,
    retry: false,
    meaning: 'no such room, user or message, or none that this user may know of; not a member',
  },
  conflict: {
    http: 409,
    retry: false,
    meaning: 'exists already; an epoch that is over; the last owner cannot leave',
  },
  too_large: { http: 413, retry: false, meaning: 'over a size or count limit, named with its value' },
  rate_limited: { http: 429, retry: true, meaning: 'too many; `retryAfterMs` says when' },
  busy: { http: 503, retry: true, meaning: 'the server has all it can queue' },
  unavailable: {
    http: 503,
    retry: true,
    meaning:
      'the store cannot be reached; nothing was stored, or it is not known: send again with the same `id`',
  },
  draining: { http: 503, retry: true, meaning: 'this worker is going away; reconnect' },
  internal: {
    http: 500,
    retry: true,
    meaning: 'our fault; logged with a reference that the message carries',
  },
} as const satisfies Record<string, { http: number; retry: boolean; meaning: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** What a peer is told: the `error` of a reply, the `data` of a `connect_error`. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retry: boolean;
  readonly retryAfterMs?: number;
}

export interface ChatErrorOptions {
  /** Milliseconds until trying again makes sense. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** A refusal that the peer is told, by its code. */
export class ChatError extends Error {
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, { retryAfterMs, cause }: ChatErrorOptions = {}) {
    super(message, { cause });
    this.name = 'ChatError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  get body(): ErrorBody {
    const body = { code: this.code, message: this.message, retry: ERRORS[this.code].retry };
    return this.retryAfterMs === undefined ? body : { ...body, retryAfterMs: Math.ceil(this.retryAfterMs) };
  }
}
