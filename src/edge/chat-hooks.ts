/**
 * What an application may have a say in, in the process of the worker: who may connect, join or
 * create, and each message before it is stored.
 */
import { draft, type Draft } from '../chat/entry.ts';
import { ChatError } from '../protocol/errors.ts';
import type { Question } from './authorize.ts';

/** A text or an edit that is about to be stored. */
export interface IncomingMessage {
  readonly namespace: string;
  readonly room: string;
  readonly from: string;
  readonly id: string;
  readonly kind: 'text' | 'edit';
  readonly text: string;
  readonly data?: unknown;
  readonly replyTo?: number | undefined;
  /** The seq that an edit is of. */
  readonly ref?: number | undefined;
}

/** Nothing: as it is. `text`, `data`: what is stored instead. `refuse`: told to the sender (`forbidden`). */
export type MessageDecision =
  | undefined
  | void
  | { readonly text?: string; readonly data?: unknown }
  | { readonly refuse: string };

export interface ChatHooks {
  /** Only true allows it; words are told to the user (`forbidden`). What is thrown is our fault (`internal`). */
  authorize?(question: Question): boolean | string | Promise<boolean | string>;
  /** Before it is stored. The same message may come again (`id`). */
  onMessage?(message: IncomingMessage): MessageDecision | Promise<MessageDecision>;
}

/** Rejects with `forbidden`. */
export async function authorizeBy(hooks: ChatHooks, question: Question): Promise<void> {
  if (hooks.authorize === undefined) return;
  const answer: unknown = await hooks.authorize(question);
  // Nothing, and whatever else is not true, is a no.
  if (answer === true) return;
  throw new ChatError(
    'forbidden',
    typeof answer === 'string'
      ? answer.slice(0, 256)
      : `the application does not allow this (${question.action})`,
  );
}

/** The draft as the application has it; rejects with `forbidden`. */
export async function decideBy(
  { onMessage }: ChatHooks,
  message: IncomingMessage,
  made: Draft,
): Promise<Draft> {
  const decision: MessageDecision | null = await onMessage?.(message);
  if (decision === undefined || decision === null) return made;
  if ('refuse' in decision) throw new ChatError('forbidden', decision.refuse.slice(0, 256));
  const { text = message.text, data = message.data } = decision;
  const { from, id, kind, replyTo, ref } = message;
  return draft(from, id, kind, { text, data, replyTo, ref }, made.about?.epoch);
}
