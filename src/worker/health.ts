/** Whether this worker can serve: what last was seen of the store and of the adapter. */
import type { Readiness } from '../edge/chat-server.ts';

type Part = 'store' | 'adapter';

/** Not heard of for so long counts as failed. */
const STALE_MS = 4_000;

export class Health {
  readonly #parts = new Map<Part, { at: number; reason: string | undefined }>();
  readonly #onChange: (readiness: Readiness) => void;
  #last = '';

  constructor(onChange: (readiness: Readiness) => void) {
    this.#onChange = onChange;
  }

  passed(part: Part, now: number): void {
    this.#parts.set(part, { at: now, reason: undefined });
    this.#announce(now);
  }

  failed(part: Part, error: unknown, now: number): void {
    this.#parts.set(part, { at: now, reason: error instanceof Error ? error.message : String(error) });
    this.#announce(now);
  }

  readiness(now: number): Readiness {
    const reasons: string[] = [];
    for (const [part, { at, reason }] of this.#parts) {
      if (reason !== undefined) reasons.push(`${part}: ${reason}`);
      else if (now - at > STALE_MS) reasons.push(`${part}: no answer for ${Math.round(now - at)} ms`);
    }
    return { ready: reasons.length === 0, reasons };
  }

  #announce(now: number): void {
    const readiness = this.readiness(now);
    const text = readiness.reasons.join('; ');
    if (text === this.#last) return;
    this.#last = text;
    this.#onChange(readiness);
  }
}
