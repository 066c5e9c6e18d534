/**
 * One event to one receiver: signed as Standard Webhooks 1 has it (id, time and body by
 * HMAC-SHA256), bounded in time, and with nothing of the answer kept.
 */
import { createHash, createHmac } from 'node:crypto';

export interface HookTarget {
  readonly url: string;
  readonly secret: string;
}

const TIMEOUT_MS = 10_000;

/** Names a receiver in the store: a changed address is another receiver. */
export function hookId(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 16);
}

/** Rejects unless the receiver answered with a 2xx in time. `id`: the same when it is sent again. */
export async function sendHook(
  { url, secret }: HookTarget,
  id: string,
  event: object,
  signal: AbortSignal,
): Promise<void> {
  const body = JSON.stringify(event);
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const response = await fetchWithin(url, signal, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'chat-server',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signature(secret, id, timestamp, body),
    },
    body,
    redirect: 'error',
  });
  // It may be as long as it likes; nobody reads it.
  await response.body?.cancel();
  const { status } = response;
  // 408 and 429 are of the moment, not of what was sent.
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) throw new HookRefused(status);
  if (!response.ok) throw new Error(`the receiver answered ${status}`);
}

/** The receiver does not want what it was sent. */
export class HookRefused extends Error {
  constructor(status: number) {
    super(`the receiver answered ${status}`);
    this.name = 'HookRefused';
  }
}

/** Not `AbortSignal.any`: on Node 20 each call leaves something on a signal that lives long. */
async function fetchWithin(url: string, signal: AbortSignal, request: RequestInit): Promise<Response> {
  const abort = new AbortController();
  const stop = (): void => abort.abort(signal.reason);
  const timer = setTimeout(() => abort.abort(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    return await fetch(url, { ...request, signal: abort.signal });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

const ENCODED = 'whsec_';

/** A secret as the libraries of Standard Webhooks have it (`whsec_` and base64), or as it is written. */
export function signature(secret: string, id: string, timestamp: string, body: string): string {
  const key = secret.startsWith(ENCODED) ? Buffer.from(secret.slice(ENCODED.length), 'base64') : secret;
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return `v1,${mac}`;
}
