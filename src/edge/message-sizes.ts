/** How large a message may be. */
import type { Draft } from '../chat/entry.ts';
import { ChatError } from '../protocol/errors.ts';
import type { Limits } from '../protocol/limits.ts';

/** Throws `too_large`. */
export function checkSizes(text: string, data: unknown, { maxTextBytes, maxDataBytes }: Limits): void {
  // A UTF-16 unit is one to three bytes, so most texts need no counting.
  if (text.length * 3 > maxTextBytes) {
    const bytes = Buffer.byteLength(text);
    if (bytes > maxTextBytes)
      throw new ChatError(
        'too_large',
        `text must be at most ${maxTextBytes} bytes (maxTextBytes); got ${bytes}`,
      );
  }
  if (data === undefined) return;
  const bytes = Buffer.byteLength(JSON.stringify(data));
  if (bytes > maxDataBytes)
    throw new ChatError(
      'too_large',
      `data must be at most ${maxDataBytes} bytes as JSON (maxDataBytes); got ${bytes}`,
    );
}

/** The same of a draft that somebody else has made. */
export function checkDraftSizes({ tail }: Draft, limits: Limits): void {
  const { text = '', data } = JSON.parse(`{${tail}`) as { text?: string; data?: unknown };
  checkSizes(text, data, limits);
}
