/** Whoever has a say in who may connect, join or create: the application here, and the one that is asked. */
import type { Question } from './authorize.ts';
import type { ChatContext } from './chat-context.ts';
import { authorizeBy } from './chat-hooks.ts';

/** Rejects with `forbidden` or `unavailable`. */
export async function authorize(
  { hooks, authorizer }: Pick<ChatContext, 'hooks' | 'authorizer'>,
  question: Question,
): Promise<void> {
  await authorizeBy(hooks, question);
  await authorizer.check(question);
}

/** Whether anybody has a say. */
export function isAsked({ hooks, authorizer }: Pick<ChatContext, 'hooks' | 'authorizer'>): boolean {
  return hooks.authorize !== undefined || authorizer.isAsked;
}
