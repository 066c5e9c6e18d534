/**
 * From a CONNECT to an identity: the namespace, the `auth` object, the token or the name.
 *
 * Refusals carry their code in `err.data` (PROTOCOL.md, Connecting). What was in `auth` is
 * dropped afterwards (TRAPS 7): nothing deep, and no token, stays on the socket.
 */
import type { Socket } from 'socket.io';
import type { Store } from '../chat/store.ts';
import { StoreUnavailable } from '../chat/store-unavailable.ts';
import { ChatError } from '../protocol/errors.ts';
import { authSchema, checkShape, parse } from '../protocol/requests.ts';
import type { Position } from '../protocol/words.ts';
import { checkRevoked, type Identity } from './auth.ts';
import type { ChatContext } from './chat-context.ts';
import { userId, type UserId } from '../chat/identity.ts';
import { authorize, isAsked } from './authorize-all.ts';
import { namespaceCheck } from './namespaces.ts';
import { errorBody } from './request.ts';

/** Who connects and with what. */
export interface Arrival {
  readonly identity: Identity;
  readonly device: string | undefined;
  readonly positions: ReadonlyMap<string, Position>;
  readonly subscribesAll: boolean;
}

const NO_POSITIONS: ReadonlyMap<string, Position> = new Map();

/** A device that does not close what it opens may have so many times the connections of a user. */
const DEVICE_SHARE = 4;

/** What a middleware passes on as a refusal: Socket.IO sends `data` to the client. */
class Refusal extends Error {
  readonly data: object;

  constructor(body: { readonly message: string }) {
    super(body.message);
    this.data = body;
  }
}

/**
 * While the store is away nobody is refused: a stock client comes back by itself when its connection
 * breaks, which is what happens before `welcome`, but not when it is refused.
 */
async function revokedBefore(store: Pick<Store, 'index'>, user: UserId): Promise<number> {
  try {
    return (await store.index(user)).revokedBefore;
  } catch (error) {
    if (error instanceof StoreUnavailable) return 0;
    throw error;
  }
}

export class Handshake {
  readonly #context: ChatContext;
  readonly #isOpen: (namespace: string) => boolean;
  readonly #arrivals = new WeakMap<Socket, Arrival>();
  /** Connections that have a socket in a namespace, or are getting one (TRAPS 7.3). */
  readonly #busy = new WeakMap<object, Set<string>>();

  constructor(context: ChatContext) {
    this.#context = context;
    this.#isOpen = namespaceCheck(context.settings.namespaces);
  }

  /** The one middleware of every namespace. */
  readonly middleware = (socket: Socket, next: (error?: Error) => void): void => {
    this.#admit(socket).then(
      () => next(),
      (error: unknown) => next(new Refusal(errorBody(error, this.#context.log, 'connect'))),
    );
  };

  /** What the middleware found; once per socket. */
  take(socket: Socket): Arrival | undefined {
    const arrival = this.#arrivals.get(socket);
    this.#arrivals.delete(socket);
    return arrival;
  }

  async #admit(socket: Socket): Promise<void> {
    const namespace = socket.nsp.name;
    const auth: unknown = socket.handshake.auth;
    socket.handshake.auth = {};
    if (!this.#isOpen(namespace))
      throw new ChatError('not_found', `the namespace ${namespace.slice(0, 64)} is not open (--namespaces)`);
    if (this.#context.isDraining())
      throw new ChatError('draining', 'this worker is going away; connect again');
    this.#claim(socket, namespace);
    try {
      await this.#identify(socket, namespace, auth);
    } catch (error) {
      // Refused: the same connection may try again.
      this.release(socket);
      throw error;
    }
  }

  async #identify(socket: Socket, namespace: string, auth: unknown): Promise<void> {
    const { limits: edgeLimits, store } = this.#context;
    // Of the client, should a proxy stand between (forget-requests.ts).
    const address: string | undefined = socket.handshake.address;
    if (address !== undefined) await edgeLimits.address(address);
    const { limits } = this.#context.settings;
    checkShape(auth, limits.maxDepth);
    const { token, user, device, positions = NO_POSITIONS, subscribe = true } = parse(authSchema, auth);
    if (positions.size > limits.maxRoomsPerUser) {
      throw new ChatError(
        'too_large',
        `auth.positions must be at most ${limits.maxRoomsPerUser} (maxRoomsPerUser); got ${positions.size}`,
      );
    }
    const { auth: authenticator } = this.#context;
    const identity =
      authenticator.mode === 'guest'
        ? authenticator.guest(user)
        : await authenticator.token(token ?? undefined, namespace);
    await edgeLimits.connect(userId(namespace, identity.user));
    // Behind the limit: it asks the store.
    if (identity.issuedAt !== undefined)
      checkRevoked(identity.issuedAt, await revokedBefore(store, userId(namespace, identity.user)));
    if (isAsked(this.#context))
      await authorize(this.#context, { action: 'connect', namespace, user: identity.user, device });
    this.#checkDevice(userId(namespace, identity.user), device);
    this.#arrivals.set(socket, { identity, device, positions, subscribesAll: subscribe });
  }

  /** Sockets of one device never replace each other; so that there is an end to them all the same, one too many is not let in. */
  #checkDevice(user: UserId, device: string | undefined): void {
    if (device === undefined) return;
    const { sessions, settings } = this.#context;
    const { maxSocketsPerUser } = settings.limits;
    const own = sessions.of(user);
    const most = maxSocketsPerUser * DEVICE_SHARE;
    if (own.size < most) return;
    for (const session of own) if (session.device !== device) return;
    throw new ChatError(
      'too_large',
      `a device has at most ${most} connections to a worker (${DEVICE_SHARE} × maxSocketsPerUser)`,
    );
  }

  /** The socket has left its namespace: its connection may join it again. */
  release(socket: Socket): void {
    this.#busy.get(socket.conn)?.delete(socket.nsp.name);
  }

  /** Sockets of more than one namespace are on it. */
  isShared(conn: object): boolean {
    return (this.#busy.get(conn)?.size ?? 0) > 1;
  }

  /** One CONNECT per connection and namespace at a time. */
  #claim(socket: Socket, namespace: string): void {
    const { conn } = socket;
    const taken = this.#busy.get(conn) ?? new Set<string>();
    if (taken.has(namespace))
      throw new ChatError('conflict', `this connection is in the namespace ${namespace} already`);
    taken.add(namespace);
    this.#busy.set(conn, taken);
  }
}
