/**
 * Who connects: a guest by name, or the bearer of a token (`jose`).
 *
 * Only algorithms that fit the kind of key are taken, so a public key can never serve as a
 * secret, and `none` never passes.
 */
import { readFileSync } from 'node:fs';
import { createPublicKey } from 'node:crypto';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
} from 'jose';
import { ChatError } from '../protocol/errors.ts';
import { USER_PATTERN } from '../protocol/words.ts';

export interface AuthOptions {
  readonly auth: 'guest' | 'jwt';
  readonly jwtSecret?: string | undefined;
  /** A PEM file. */
  readonly jwtPublicKey?: string | undefined;
  /** A file or a URL. */
  readonly jwtJwks?: string | undefined;
  readonly jwtIssuer?: string | undefined;
  readonly jwtAudience?: string | undefined;
}

export interface Identity {
  readonly user: string;
  readonly name: string;
  /** When the connection ends, ms since 1970; undefined: never. */
  readonly expiresAt: number | undefined;
  /** Of the token, ms since 1970; 0 where it does not say. Undefined: a guest. */
  readonly issuedAt: number | undefined;
}

type Key = JWTVerifyGetKey | Uint8Array | ReturnType<typeof createPublicKey>;

const SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512'];
const PUBLIC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
];
const MAX_TOKEN_LENGTH = 8_192;

export class Authenticator {
  readonly #mode: AuthOptions['auth'];
  readonly #key: Key | undefined;
  readonly #onUnreachable: (error: unknown) => void;
  readonly #verify: JWTVerifyOptions;

  private constructor(options: AuthOptions, key: Key | undefined, onUnreachable: (error: unknown) => void) {
    this.#onUnreachable = onUnreachable;
    this.#mode = options.auth;
    this.#key = key;
    this.#verify = {
      algorithms: options.jwtSecret === undefined ? PUBLIC_ALGORITHMS : SECRET_ALGORITHMS,
      ...(options.jwtIssuer === undefined ? {} : { issuer: options.jwtIssuer }),
      ...(options.jwtAudience === undefined ? {} : { audience: options.jwtAudience }),
    };
  }

  /** Reads the keys; throws what the file system or the parser says. `onUnreachable`: a set of keys cannot be fetched. */
  static open(options: AuthOptions, onUnreachable: (error: unknown) => void = () => {}): Authenticator {
    const key = options.auth === 'jwt' ? openKey(options) : undefined;
    return new Authenticator(options, key, onUnreachable);
  }

  get mode(): AuthOptions['auth'] {
    return this.#mode;
  }

  guest(user: string | undefined): Identity {
    if (user === undefined)
      throw new ChatError('unauthorized', 'auth.user is required: a name to chat under (--auth guest)');
    return { user, name: user, expiresAt: undefined, issuedAt: undefined };
  }

  /** Rejects with `unauthorized`, `expired`, or `forbidden` (not for this namespace). */
  async token(token: string | undefined, namespace: string): Promise<Identity> {
    if (token === undefined || token === '')
      throw new ChatError('unauthorized', 'auth.token is required: a JWT (--auth jwt)');
    if (token.length > MAX_TOKEN_LENGTH)
      throw new ChatError(
        'unauthorized',
        `a token has at most ${MAX_TOKEN_LENGTH} characters; got ${token.length}`,
      );
    return identityOf(await this.#payload(token), namespace);
  }

  async #payload(token: string): Promise<JWTPayload> {
    const key = this.#key;
    if (key === undefined) throw new ChatError('unauthorized', 'this server takes no tokens (--auth guest)');
    try {
      const { payload } =
        typeof key === 'function'
          ? await jwtVerify(token, key, this.#verify)
          : await jwtVerify(token, key, this.#verify);
      return payload;
    } catch (error) {
      if (error instanceof errors.JWTExpired)
        throw new ChatError('expired', 'the token has expired; get a new one', { cause: error });
      if (isUnreachable(error)) {
        this.#onUnreachable(error);
        throw new ChatError(
          'unavailable',
          'the keys that tokens are checked with cannot be reached (--jwt-jwks)',
          { cause: error },
        );
      }
      // Of what is not jose's own nobody knows what its words give away.
      const why = error instanceof errors.JOSEError ? error.message : 'it does not fit the key';
      throw new ChatError('unauthorized', `the token is not valid: ${why}`, { cause: error });
    }
  }
}

/** Throws `unauthorized` for a token that was issued before the user's were revoked. */
export function checkRevoked(issuedAt: number | undefined, revokedBefore: number): void {
  if (issuedAt !== undefined && issuedAt < revokedBefore)
    throw new ChatError('unauthorized', 'the token was revoked; get a new one');
}

/** The set of keys could not be fetched, or what came is none: nothing is known of the token. */
function isUnreachable(error: unknown): boolean {
  if (error instanceof TypeError) return error.message === 'fetch failed';
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return true;
  // Another status than 200, or no JSON: jose has no class of its own for these.
  return error instanceof errors.JOSEError && error.code === 'ERR_JOSE_GENERIC';
}

function openKey({ jwtSecret, jwtPublicKey, jwtJwks }: AuthOptions): Key {
  if (jwtSecret !== undefined) return new TextEncoder().encode(jwtSecret);
  if (jwtPublicKey !== undefined) return createPublicKey(readFileSync(jwtPublicKey, 'utf8'));
  if (jwtJwks === undefined) throw new Error('--auth jwt needs a key');
  if (/^https?:\/\//.test(jwtJwks)) return createRemoteJWKSet(new URL(jwtJwks));
  return createLocalJWKSet(
    JSON.parse(readFileSync(jwtJwks, 'utf8')) as Parameters<typeof createLocalJWKSet>[0],
  );
}

function identityOf(payload: JWTPayload, namespace: string): Identity {
  const { sub, exp, iat = 0 } = payload;
  if (typeof sub !== 'string' || !USER_PATTERN.test(sub))
    throw new ChatError('unauthorized', `the token's sub must be a user: ${USER_PATTERN.source}`);
  const { namespaces, name } = payload;
  if (namespaces !== undefined && !(Array.isArray(namespaces) && namespaces.includes(namespace))) {
    throw new ChatError('forbidden', `the token is not for the namespace ${namespace}`);
  }
  const shown = typeof name === 'string' && name !== '' ? name.slice(0, 128) : sub;
  return {
    user: sub,
    name: shown,
    expiresAt: exp === undefined ? undefined : exp * 1_000,
    issuedAt: iat * 1_000,
  };
}
