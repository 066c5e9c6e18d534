/** Who is let in while the store is away. */
import { SignJWT } from 'jose';
import type { Socket } from 'socket.io';
import { expect, test } from 'vitest';
import { StoreUnavailable } from '../../src/chat/store-unavailable.ts';
import { Authenticator } from '../../src/edge/auth.ts';
import type { ChatContext } from '../../src/edge/chat-context.ts';
import { Handshake } from '../../src/edge/handshake.ts';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.ts';
import { QUIET_PARTS } from '../support/quiet-parts.ts';

const SECRET = 'a secret of at least thirty-two bytes, for tests';

/** Undefined: let in. */
async function refusalOf(index: () => Promise<unknown>): Promise<Error | undefined> {
  const handshake = new Handshake({
    ...QUIET_PARTS,
    store: { index },
    sessions: { of: () => new Set() },
    auth: Authenticator.open({ auth: 'jwt', jwtSecret: SECRET }),
    settings: { limits: DEFAULT_LIMITS, namespaces: [], trustProxy: 0 },
    log: { info: () => {}, warn: () => {}, error: () => {} },
    isDraining: () => false,
  } as unknown as ChatContext);
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ada')
    .setIssuedAt()
    .sign(new TextEncoder().encode(SECRET));
  const socket = {
    nsp: { name: '/' },
    conn: {},
    handshake: { auth: { token }, address: '127.0.0.1', headers: {} },
  } as unknown as Socket;
  return new Promise((resolve) => handshake.middleware(socket, resolve));
}

test('the bearer of a token is not refused, which would keep a stock client from coming back by itself', async () => {
  expect(await refusalOf(() => Promise.reject(new StoreUnavailable('away')))).toBeUndefined();
});

test('what else keeps the store from saying whether it was revoked does', async () => {
  expect(await refusalOf(() => Promise.reject(new Error('ours')))).toMatchObject({
    data: { code: 'internal' },
  });
  expect(await refusalOf(async () => ({ revokedBefore: Date.now() + 5_000 }))).toMatchObject({
    data: { code: 'unauthorized' },
  });
});
