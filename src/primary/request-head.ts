/**
 * What a request head says, and whether it can be a lawful request at all.
 *
 * Pure: bytes in, a `RequestHead` out, or a `Refusal` thrown. Stricter than HTTP allows
 * where two readers could disagree (TRAPS 1, traps 11 and 18): the primary decides by this
 * head whether a body follows, and the worker must come to the same answer.
 */
import { Refusal } from './refusal.ts';

/** How long the body is. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' };

export interface RequestHead {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** The session that the URL's query names; undefined where it names none. */
  readonly sid: string | undefined;
  readonly isUpgrade: boolean;
  readonly body: Framing;
}

const METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']);
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const MAX_HEADERS = 200;
const NO_BODY: Framing = { kind: 'none' };

/** A control character, or a CR or LF that does not stand in a pair. */
const STRAY = new RegExp('[^\\t\\r\\n\\x20-\\x7e\\x80-\\xff]|\\r(?!\\n)|(?<!\\r)\\n');
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const DIGITS = /^[0-9]{1,15}$/;

/** `text` is the head in latin1, without the empty line that ends it. */
export function parseHead(text: string): RequestHead {
  if (STRAY.test(text)) throw new Refusal(400, 'the head has a stray control character');
  const lines = text.split('\r\n');
  if (lines.length > MAX_HEADERS + 1)
    throw new Refusal(431, `more than ${MAX_HEADERS} header lines: ${lines.length - 1}`);
  const { method, target, isOld } = parseRequestLine(lines[0] ?? '');
  const headers = readHeaders(lines);

  if (headers.hosts > 1 || (headers.hosts === 0 && !isOld))
    throw new Refusal(400, `exactly one Host header is needed; got ${headers.hosts}`);
  const body = readFraming(headers, isOld);
  // Length 0 is no body, and does not make a GET one that has to be kept.
  if (body.kind !== 'none' && !WITH_BODY.has(method)) throw new Refusal(400, `a ${method} has no body`);
  const isUpgrade = headers.upgrade && headers.connectionUpgrade;
  if (isUpgrade && (headers.lengths.length > 0 || headers.encodings.length > 0))
    throw new Refusal(400, 'an upgrade has no body');
  if (isUpgrade && method !== 'GET') throw new Refusal(400, 'an upgrade is a GET');

  const mark = target.indexOf('?');
  return {
    method,
    path: mark < 0 ? target : target.slice(0, mark),
    sid: mark < 0 ? undefined : sidOf(target.slice(mark + 1)),
    isUpgrade,
    body,
  };
}

function parseRequestLine(line: string): { method: string; target: string; isOld: boolean } {
  const [method = '', target = '', version = '', ...rest] = line.split(' ');
  const isOld = version === 'HTTP/1.0';
  if (rest.length > 0 || !TOKEN.test(method) || (!isOld && version !== 'HTTP/1.1'))
    throw new Refusal(400, 'malformed request line');
  if (!METHODS.has(method)) throw new Refusal(405, 'method not allowed');
  if (!target.startsWith('/') || target.includes('\t')) throw new Refusal(400, 'the target must be a path');
  return { method, target, isOld };
}

interface Headers {
  hosts: number;
  upgrade: boolean;
  connectionUpgrade: boolean;
  readonly lengths: string[];
  readonly encodings: string[];
}

function readHeaders(lines: readonly string[]): Headers {
  const found: Headers = {
    hosts: 0,
    upgrade: false,
    connectionUpgrade: false,
    lengths: [],
    encodings: [],
  };
  for (let at = 1; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    // Also a folded line (begins with a blank) and a blank before the colon: both smuggle.
    if (!TOKEN.test(name)) throw new Refusal(400, 'malformed header line');
    switch (name.toLowerCase()) {
      case 'host':
        found.hosts += 1;
        break;
      case 'content-length':
        found.lengths.push(trimBlanks(line.slice(colon + 1)));
        break;
      case 'transfer-encoding':
        found.encodings.push(trimBlanks(line.slice(colon + 1)));
        break;
      case 'upgrade':
        found.upgrade = true;
        break;
      case 'connection':
        if (/(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i.test(line.slice(colon + 1))) found.connectionUpgrade = true;
        break;
      default:
    }
  }
  return found;
}

function readFraming({ lengths, encodings }: Headers, isOld: boolean): Framing {
  if (lengths.length > 0 && encodings.length > 0)
    throw new Refusal(400, 'both Content-Length and Transfer-Encoding');
  if (encodings.length > 0) {
    if (isOld || encodings.length > 1 || encodings[0]?.toLowerCase() !== 'chunked')
      throw new Refusal(400, 'the only Transfer-Encoding is one "chunked"');
    return { kind: 'chunked' };
  }
  if (lengths.length === 0) return NO_BODY;
  const [length = ''] = lengths;
  if (lengths.length > 1 || !DIGITS.test(length)) throw new Refusal(400, 'Content-Length is not one number');
  return Number(length) === 0 ? NO_BODY : { kind: 'length', bytes: Number(length) };
}

/** The sid of a query, only where its name is exactly that; two of them are ambiguous. */
function sidOf(query: string): string | undefined {
  let sid: string | undefined;
  for (const pair of query.split('&')) {
    if (!pair.startsWith('sid=')) continue;
    if (sid !== undefined) throw new Refusal(400, 'more than one sid');
    sid = pair.slice(4);
  }
  return sid;
}

function trimBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && (text[from] === ' ' || text[from] === '\t')) from += 1;
  while (to > from && (text[to - 1] === ' ' || text[to - 1] === '\t')) to -= 1;
  return text.slice(from, to);
}
