/** A request's body as JSON, up to a size. */
import type { IncomingMessage } from 'node:http';
import { ChatError } from '../../protocol/errors.ts';

/** How many times the limit is read, and thrown away, before the connection is ended. */
const READ_ON = 8;

/** Rejects with `too_large` or `bad_request`. Without a body: an empty object. */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes <= maxBytes) parts.push(part);
      // A client that is still sending would not hear why; but there is an end to that.
      else if (bytes > maxBytes * READ_ON) break;
    }
  } catch (error) {
    throw new ChatError('bad_request', 'the connection ended in the middle of the body', { cause: error });
  }
  if (bytes > maxBytes)
    throw new ChatError('too_large', `the body must be at most ${maxBytes} bytes (maxPacketBytes)`);
  if (bytes === 0) return readBefore(request);
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\b/i.test(type))
    throw new ChatError(
      'bad_request',
      `content-type must be application/json; got ${type.slice(0, 64) || 'nothing'}`,
    );
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown;
  } catch {
    throw new ChatError('bad_request', 'the body must be JSON');
  }
}

/** What somebody has read before (a body parser of the application, in its `body`); else an empty object. */
function readBefore(request: IncomingMessage & { readonly body?: unknown }): unknown {
  if (typeof request.body === 'object' && request.body !== null) return request.body;
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
  if (length !== '0' || encoding !== undefined)
    throw new ChatError('bad_request', 'the body was read by another middleware, which left no JSON of it');
  return {};
}
