/**
 * What the primary itself answers: refusals, and `/healthz` and `/readyz` while no worker can.
 *
 * Every answer ends its connection. It does not read requests and decides nothing.
 */
const REASONS = {
  200: 'OK',
  400: 'Bad Request',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
} as const;

export type Status = keyof typeof REASONS;

/** The primary does not pass this request on. The message is told to the peer. */
export class Refusal extends Error {
  readonly status: Status;

  constructor(status: Status, message: string) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
  }
}

export interface AnswerOptions {
  /** Seconds for the `Retry-After` header. */
  readonly retryAfterS?: number | undefined;
  /** A HEAD gets the head alone. */
  readonly withoutBody?: boolean | undefined;
}

/** A whole HTTP answer that closes its connection. */
export function renderAnswer(
  status: Status,
  body: object,
  { retryAfterS, withoutBody = false }: AnswerOptions = {},
): string {
  const text = JSON.stringify(body);
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Cache-Control: no-store',
    'Connection: close',
  ];
  if (status === 405) lines.push('Allow: GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE');
  if (retryAfterS !== undefined) lines.push(`Retry-After: ${retryAfterS}`);
  return `${lines.join('\r\n')}\r\n\r\n${withoutBody ? '' : text}`;
}

const CODES = {
  200: 'internal',
  400: 'bad_request',
  405: 'bad_request',
  408: 'bad_request',
  413: 'too_large',
  431: 'too_large',
  503: 'unavailable',
} as const;

/** The error body of the HTTP API, for a refusal. */
export function refusalBody(status: Status, message: string): object {
  return { error: { code: CODES[status], message, retry: status === 503 } };
}
