/** Why an entry may not be about another one; decided in the stores' steps, said the same by both. */
import { ChatError } from '../protocol/errors.ts';

/** Edits of one message; a delete rewrites all of them in one step. */
export const MAX_EDITS = 1_000;

const FAULTS = {
  epoch: ['conflict', 'it lies in an epoch that is over'],
  none: ['not_found', 'there is no such message, or it was deleted'],
  author: ['forbidden', 'only its author edits a message'],
  deleter: ['forbidden', 'only its author, an owner or an admin deletes a message'],
  edits: ['too_large', `a message has at most ${MAX_EDITS} edits`],
} as const;

export type AboutFault = keyof typeof FAULTS;

export function isAboutFault(word: string): word is AboutFault {
  return Object.hasOwn(FAULTS, word);
}

export function aboutError(fault: AboutFault, seq: number): ChatError {
  const [code, message] = FAULTS[fault];
  return new ChatError(code, `seq ${seq}: ${message}`);
}
