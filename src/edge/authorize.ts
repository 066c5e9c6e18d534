/**
 * Asks the application whether somebody may connect, join or create (`--authorize URL`). An
 * answer is kept as long as it says; without an answer nobody may (`unavailable`).
 */
import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { Gate } from '../chat/gate.ts';
import { ChatError } from '../protocol/errors.ts';
import { signature } from './hooks/hook-sender.ts';

export interface Question {
  readonly action: 'connect' | 'join' | 'create';
  readonly namespace: string;
  readonly user: string;
  readonly device?: string | undefined;
  readonly room?: string | undefined;
}

export interface AuthorizeTarget {
  readonly url: string;
  readonly secret: string;
}

const TIMEOUT_MS = 3_000;
/** Questions that the application has at once; of the others so many wait. */
const AT_ONCE = 64;
const MAX_WAITING = 10_000;
const BUSY_AGAIN_MS = 1_000;
/** Answers that are kept; the oldest goes. */
const MAX_KEPT = 50_000;
const MAX_ANSWER_BYTES = 4_096;
/** Ms; longer is taken as this. */
const MAX_TTL_MS = 3_600_000;

const answerSchema = v.object({
  allow: v.boolean(),
  /** Told to the client where it is refused. */
  message: v.optional(v.pipe(v.string(), v.maxLength(256))),
  /** Seconds for which the answer is good. */
  ttl: v.optional(v.pipe(v.number(), v.minValue(0))),
});

type Answer = v.InferOutput<typeof answerSchema>;

export interface AuthorizerOptions {
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** It could not be asked, or its answer was none. */
  readonly onFailure: (error: unknown) => void;
}

export class Authorizer {
  readonly #target: AuthorizeTarget | undefined;
  readonly #now: () => number;
  readonly #onFailure: (error: unknown) => void;
  readonly #kept = new Map<string, { readonly answer: Answer; readonly until: number }>();
  /** Questions under way: whoever asks the same waits for the same answer. */
  readonly #asked = new Map<string, Promise<Answer>>();
  readonly #gate = new Gate(AT_ONCE);

  /** Without a target everybody may. */
  constructor(target: AuthorizeTarget | undefined, { now, onFailure }: AuthorizerOptions) {
    this.#target = target;
    this.#now = now;
    this.#onFailure = onFailure;
  }

  get isAsked(): boolean {
    return this.#target !== undefined;
  }

  /** Rejects with `forbidden`, `unavailable`, or `busy` where too many wait. */
  async check(question: Question): Promise<void> {
    if (this.#target === undefined) return;
    const key = JSON.stringify(question);
    const kept = this.#kept.get(key);
    const answer =
      kept !== undefined && kept.until > this.#now() ? kept.answer : await this.#ask(this.#target, key);
    if (!answer.allow)
      throw new ChatError(
        'forbidden',
        answer.message ?? `the application does not allow this (${question.action})`,
      );
  }

  #ask(target: AuthorizeTarget, key: string): Promise<Answer> {
    const known = this.#asked.get(key);
    if (known !== undefined) return known;
    if (this.#gate.waiting >= MAX_WAITING)
      throw new ChatError('busy', `${MAX_WAITING} questions wait for the application's answer; try again`, {
        retryAfterMs: BUSY_AGAIN_MS,
      });
    const since = this.#now();
    const asking = this.#gate
      .run(() => this.#fetch(target, key, since))
      .finally(() => this.#asked.delete(key));
    this.#asked.set(key, asking);
    return asking;
  }

  /** `since`: when it was asked, by `now`. */
  async #fetch({ url, secret }: AuthorizeTarget, body: string, since: number): Promise<Answer> {
    const id = randomBytes(12).toString('hex');
    const timestamp = String(Math.floor(Date.now() / 1_000));
    let answer: Answer;
    try {
      // So that those who wait behind it are told soon too.
      const leftMs = since + TIMEOUT_MS - this.#now();
      if (leftMs <= 0) throw new Error(`it answered others for ${TIMEOUT_MS} ms`);
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': signature(secret, id, timestamp, body),
        },
        body,
        redirect: 'error',
        signal: AbortSignal.timeout(Math.ceil(leftMs)),
      });
      if (!response.ok) throw new Error(`it answered ${response.status}`);
      answer = v.parse(answerSchema, JSON.parse(await textOf(response)));
    } catch (error) {
      this.#onFailure(error);
      throw new ChatError(
        'unavailable',
        'the application cannot be asked whether this is allowed; try again',
        { cause: error },
      );
    }
    this.#keep(body, answer);
    return answer;
  }

  #keep(key: string, answer: Answer): void {
    const { ttl = 0 } = answer;
    if (ttl === 0) return;
    this.#kept.delete(key);
    this.#kept.set(key, { answer, until: this.#now() + Math.min(ttl * 1_000, MAX_TTL_MS) });
    if (this.#kept.size <= MAX_KEPT) return;
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest);
      break;
    }
  }
}

async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`it answered with more than ${MAX_ANSWER_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
