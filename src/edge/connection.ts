/**
 * One client from `connection` to `disconnect`: its session, `welcome`, its requests, its end.
 */
import { setTimeout } from 'node:timers/promises';
import type { Socket } from 'socket.io';
import { nameOf, userId } from '../chat/identity.ts';
import { isMember, type MemberView } from '../chat/room-state.ts';
import { Session, type Begun } from '../chat/session.ts';
import type { RoomId, UserId } from '../chat/identity.ts';
import type { Order } from '../chat/orders.ts';
import type { Caller, ChatContext } from './chat-context.ts';
import { checkRevoked } from './auth.ts';
import { DirectRequests } from './direct-requests.ts';
import type { Arrival, Handshake } from './handshake.ts';
import { errorBody, Requests, type Dispatcher } from './request.ts';
import { REST_CURSOR } from './requests/room-lists.ts';
import { SocketOutlet } from './socket-outlet.ts';

/** Rooms in one `welcome`; the rest is asked for with `room:mine`. */
const WELCOME_ROOMS = 200;
/** How long a connection that ends waits for its requests. */
const FINISH_MS = 2_000;
/** Whoever is told to go, and does not, is gone after this. */
const CLOSE_MS = 1_000;
/** By then every worker has heard of an order: a connection that is made later is not what it is about. */
const ORDER_HEARD_MS = 1_000;

export type ClosingReason = 'reload' | 'shutdown' | 'expired' | 'replaced' | 'revoked';

export class Connection {
  readonly caller: Caller;
  readonly #socket: Socket;
  readonly #requests: Requests;
  #isEnding = false;

  constructor(socket: Socket, caller: Caller, requests: Requests) {
    this.#socket = socket;
    this.caller = caller;
    this.#requests = requests;
  }

  /** Tells the client that this connection is about to end; it is closed by `close`. */
  announce(reason: ClosingReason, reconnectAfterMs: number): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#socket.emit('closing', { reason, reconnectAfterMs });
  }

  /** It was announced. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** What it ends with: sockets of several namespaces may share one. */
  get conn(): object {
    return this.#socket.conn;
  }

  /** Refuses further requests; resolves when those under way are answered. */
  finish(): Promise<void> {
    return this.#requests.finish();
  }

  /** Lets what was said leave first; `disconnect(true)` would keep clients from coming back (TRAPS 19). */
  close(): void {
    const { conn } = this.#socket;
    // One that polls no more would be kept for 30 s, and `close(true)` changes nothing then (engine.io 6.6.12).
    if (conn.transport.name === 'polling') Object.assign(conn.transport, { closeTimeout: CLOSE_MS });
    conn.close();
    void setTimeout(CLOSE_MS, undefined, { ref: false }).then(() => conn.close(true));
  }
}

export class Connections {
  readonly #context: ChatContext;
  readonly #handshake: Handshake;
  readonly #dispatcher: Dispatcher;
  readonly #open = new Map<Session, Connection>();

  constructor(context: ChatContext, handshake: Handshake, dispatcher: Dispatcher) {
    this.#context = context;
    this.#handshake = handshake;
    this.#dispatcher = dispatcher;
  }

  get size(): number {
    return this.#open.size;
  }

  get all(): Iterable<Connection> {
    return this.#open.values();
  }

  /** The `connection` listener of every namespace. */
  readonly onConnection = (socket: Socket): void => {
    const arrival = this.#handshake.take(socket);
    if (arrival === undefined) return void socket.disconnect(true);
    const connection = this.#connect(socket, arrival);
    const { session } = connection.caller;
    this.#begin(socket, connection).catch((error: unknown) => {
      // The client is in, but it cannot be told its rooms: it comes back and tries again. A token
      // that was revoked since the handshake is refused by the next one.
      const body = errorBody(error, this.#context.log, 'welcome');
      this.#context.log.warn({ user: session.user, code: body.code }, 'a client could not be welcomed');
      if (body.code === 'unauthorized') this.#end(connection, 'revoked');
      else connection.close();
    });
  };

  /** Ends the connections whose token has expired. */
  expire(now: number): void {
    for (const connection of this.#open.values()) {
      const { expiresAt } = connection.caller;
      if (expiresAt === undefined || expiresAt > now) continue;
      this.#end(connection, 'expired');
    }
  }

  /**
   * Ends all connections, spread evenly over `overMs`, each when its requests are answered.
   * At a shutdown clients are told to wait, so that they do not all come back at once.
   */
  async drain(reason: 'reload' | 'shutdown', overMs: number, spreadMs: number): Promise<void> {
    const shared = new Map<object, Connection[]>();
    for (const connection of this.#open.values()) {
      const known = shared.get(connection.conn);
      if (known === undefined) shared.set(connection.conn, [connection]);
      else known.push(connection);
    }
    await Promise.all(
      [...shared.values()].map(async (connections, i) => {
        await setTimeout((overMs * i) / shared.size);
        const afterMs = reason === 'reload' ? 0 : Math.round(Math.random() * spreadMs);
        for (const connection of connections) connection.announce(reason, afterMs);
        const finished = Promise.all(connections.map((connection) => connection.finish()));
        await Promise.race([finished, setTimeout(FINISH_MS)]);
        connections[0]?.close();
      }),
    );
  }

  /** With every namespace that shares it. */
  #end(connection: Connection, reason: ClosingReason, afterMs = 0): void {
    const { conn } = connection;
    if (this.#handshake.isShared(conn)) {
      for (const other of this.#open.values()) if (other.conn === conn) other.announce(reason, afterMs);
    } else connection.announce(reason, afterMs);
    connection.close();
  }

  #connect(socket: Socket, { identity, device, positions, subscribesAll }: Arrival): Connection {
    const { settings, feeds, sessions, roll, board } = this.#context;
    const namespace = socket.nsp.name;
    const outlet = new SocketOutlet(socket, settings);
    const session = new Session(feeds, outlet, {
      id: socket.id,
      namespace,
      user: identity.user,
      userId: userId(namespace, identity.user),
      name: identity.name,
      device,
      positions,
      subscribesAll,
      maxRooms: settings.limits.maxRoomsPerUser,
      resync: () => sessions.hint(userId(namespace, identity.user)),
      refresh: sessions.refresh,
    });
    const caller: Caller = { session, expiresAt: identity.expiresAt, issuedAt: identity.issuedAt };
    const requests = new Requests(this.#dispatcher, caller);
    const connection = new Connection(socket, caller, requests);
    this.#open.set(session, connection);
    sessions.add(session);
    roll.arrive(session.userId, session);
    this.#replaceOldest(session);
    const direct = new DirectRequests(socket, requests, outlet);
    socket.onAny((event: unknown, ...args: unknown[]) => requests.hear(event, args));
    // One listener, which is called once: each more is a quarter of a kilobyte for every connection.
    socket.on('disconnect', () => {
      sessions.remove(session);
      roll.leave(session.userId, session);
      board.unwatch(session);
      this.#open.delete(session);
      direct.end();
      outlet.close();
      this.#handshake.release(socket);
    });
    return connection;
  }

  /** Ends the connections that an order is about. */
  obey({ do: what, user, at }: Order): void {
    for (const session of this.#context.sessions.of(user)) {
      const connection = this.#open.get(session);
      const issuedAt = connection?.caller.issuedAt;
      // A guest has no token that could be refused; this connection ends all the same.
      if (connection === undefined || (what === 'revoke' && issuedAt !== undefined && issuedAt >= at))
        continue;
      this.#end(connection, 'revoked', ORDER_HEARD_MS);
    }
  }

  /** Orders were missed: everybody comes back and is looked at anew. */
  closeAll(): void {
    for (const connection of this.#open.values()) this.#end(connection, 'revoked');
  }

  /** Closes a user's oldest connection here, none of `device`, whose connection is the newest. */
  closeOldest(user: UserId, device: string | undefined): void {
    for (const session of this.#context.sessions.of(user)) {
      if (session.device !== undefined && session.device === device) continue;
      const connection = this.#open.get(session);
      if (connection === undefined || connection.isEnding) continue;
      // It counts no more, however long it takes to say so.
      this.#context.roll.leave(user, session);
      return this.#end(connection, 'replaced');
    }
  }

  /** Over the limit the user's oldest connection goes; over all workers it is looked for later (presence). */
  #replaceOldest(session: Session): void {
    const { sessions, settings } = this.#context;
    let over = sessions.of(session.userId).size - settings.limits.maxSocketsPerUser;
    if (over <= 0) return;
    for (const other of sessions.of(session.userId)) if (this.#open.get(other)?.isEnding === true) over -= 1;
    if (over > 0) this.closeOldest(session.userId, session.device);
  }

  async #begin(socket: Socket, { caller }: Connection): Promise<void> {
    const { session } = caller;
    const { store, settings, sessions, limits } = this.#context;
    if (session.device !== undefined)
      await store.useDevice(session.userId, session.device, settings.limits.maxDevicesPerUser, (rooms) =>
        limits.device(session.userId, rooms),
      );
    const index = await store.index(session.userId);
    // Whoever is here by now hears of later orders.
    checkRevoked(caller.issuedAt, index.revokedBefore);
    const views = await store.views(session.user, session.device, index.rooms);
    if (session.isClosed) return;
    const rooms: [RoomId, MemberView][] = [];
    const gone: RoomId[] = [];
    for (const [i, room] of index.rooms.entries()) {
      const view = views[i];
      if (isMember(view)) rooms.push([room, view]);
      else if (view === undefined) gone.push(room);
    }
    if (gone.length > 0) await store.recheckIndex(session.userId, gone);
    rooms.sort(([, a], [, b]) => b.info.lastAt - a.info.lastAt);
    const { maxRoomsPerUser } = settings.limits;
    const begun = rooms.map(([room, view], i): Begun => {
      // A request of this socket may have begun the room's feed already. Of a user who has more rooms
      // than may be, since the limit was lowered, the newest are fed.
      if (session.subscribesAll && i < maxRoomsPerUser) return session.begin(room, view, nameOf(room));
      return { state: session.show(room, view), start: () => {} };
    });
    const rest = rooms.slice(WELCOME_ROOMS);
    if (rest.length > 0)
      session.leaveOut(rest.map(([room], i) => [room, begun[WELCOME_ROOMS + i]?.state.from]));
    socket.emit('welcome', {
      user: session.user,
      name: session.name,
      // Made up for this socket alone where the client named none.
      device: session.device ?? session.id,
      session: session.id,
      rooms: begun.slice(0, WELCOME_ROOMS).map(({ state }) => state),
      ...(rest.length === 0 ? {} : { cursor: REST_CURSOR }),
      limits: settings.limits,
      server: settings.server,
    });
    for (const { start } of begun) start();
    sessions.welcomed(session, index.version);
  }
}
