/** `auth:refresh`: a fresh token for a live connection. */
import { ChatError } from '../../protocol/errors.ts';
import type { Handler } from '../request.ts';

export const handleRefresh: Handler<'auth:refresh'> = async ({ auth }, caller, { token }) => {
  const identity = await auth.token(token, caller.session.namespace);
  if (identity.user !== caller.session.user)
    throw new ChatError('unauthorized', 'the token is another user’s');
  caller.expiresAt = identity.expiresAt;
  return { reply: { expiresAt: identity.expiresAt ?? null } };
};
