/** `auth:refresh`: a fresh token for a live connection. */
import { ChatError } from '../../protocol/errors.ts';
import { checkRevoked } from '../auth.ts';
import type { Handler } from '../request.ts';

export const handleRefresh: Handler<'auth:refresh'> = async ({ auth, store }, caller, { token }) => {
  const identity = await auth.token(token, caller.session.namespace);
  if (identity.user !== caller.session.user)
    throw new ChatError('unauthorized', 'the token is another user’s');
  const { revokedBefore } = await store.index(caller.session.userId);
  checkRevoked(identity.issuedAt, revokedBefore);
  caller.expiresAt = identity.expiresAt;
  caller.issuedAt = identity.issuedAt;
  return { reply: { expiresAt: identity.expiresAt ?? null } };
};
