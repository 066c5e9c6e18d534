/**
 * One socket's way out: what it is sent, how much of it is still unsent, when it has drained.
 *
 * Engine.IO's buffer has no limit of its own (TRAPS 6.4), so this counts. Over
 * `maxBufferedBytes` nothing of a feed is added; over `maxSocketBytes`, which only replies can
 * reach, the connection ends. Frames of feeds go past Engine.IO unless it holds something back.
 */
import type { Socket } from 'socket.io';
import type { MessagesEvent, Outlet } from '../chat/outlet.ts';
import type { PresenceNews } from '../chat/watching.ts';
import { nameOf, type RoomId } from '../chat/identity.ts';
import { Gate } from '../chat/gate.ts';
import type { GoneReason, Lost, RoomState } from '../protocol/words.ts';
import { GatheredWebSocket } from './gathered-web-socket.ts';
import { WireMessages } from './wire-encoder.ts';

/** Of one socket: of the next page there is word while the one before leaves. */
const PAGES_AT_ONCE = 2;

export interface OutletLimits {
  readonly maxBufferedBytes: number;
  readonly maxSocketBytes: number;
}

export class SocketOutlet implements Outlet {
  readonly #socket: Socket;
  readonly #limits: OutletLimits;
  /** Bytes that Engine.IO was given since its buffer was last empty. */
  #queued = 0;
  #waiting: (() => void)[] = [];
  #isWatching = false;
  /** Most never catch up with anything. */
  #pages: Gate | undefined;

  constructor(socket: Socket, limits: OutletLimits) {
    this.#socket = socket;
    this.#limits = limits;
    // One for each namespace that the client has joined over this connection.
    socket.conn.setMaxListeners(0);
    socket.conn.on('packetCreate', this.#onPacket);
  }

  /** The socket is disconnected; its connection may stay, with other namespaces. */
  close(): void {
    this.#socket.conn.off('packetCreate', this.#onPacket);
  }

  get pages(): Gate {
    this.#pages ??= new Gate(PAGES_AT_ONCE);
    return this.#pages;
  }

  get #isDrained(): boolean {
    return this.#isIdle || this.#socket.conn.readyState !== 'open';
  }

  /** Nothing waits, neither in Engine.IO nor for the system. */
  get #isIdle(): boolean {
    return this.#isTaken && (this.#webSocket?.unsent ?? 0) === 0;
  }

  /** Engine.IO has handed on all that it was given. */
  get #isTaken(): boolean {
    const { conn } = this.#socket;
    return conn.transport.writable && bufferOf(conn).length === 0;
  }

  get #webSocket(): GatheredWebSocket | undefined {
    return webSocketOf(this.#socket.conn.transport);
  }

  admit(bytes: number): boolean {
    return this.#isDrained || this.#unsent + bytes <= this.#limits.maxBufferedBytes;
  }

  /** What waits now, in Engine.IO and for the system. */
  get #unsent(): number {
    const queued = bufferOf(this.#socket.conn).length === 0 ? 0 : this.#queued;
    return queued + (this.#webSocket?.unsent ?? 0);
  }

  drained(): Promise<void> {
    if (this.#isDrained) return Promise.resolve();
    this.#watch();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  messages({ packet, frame }: MessagesEvent): void {
    const { conn } = this.#socket;
    // What Engine.IO still has comes first.
    if (conn.readyState === 'open' && this.#isTaken && this.#webSocket?.sendFrame(frame) === true) return;
    conn.write(packet);
  }

  /** The packet of an answer. */
  reply(packet: string): void {
    this.messages(new WireMessages(packet));
    this.#checkUnsent();
  }

  /** By this socket, not by its name: Socket.IO makes a namespace anew that was empty for a moment. */
  state(state: RoomState): void {
    this.#socket.emit('room', state);
  }

  lost(lost: Lost): void {
    this.#socket.emit('lost', lost);
  }

  gone(room: RoomId, reason: GoneReason): void {
    this.#socket.emit('room', { room: nameOf(room), gone: reason });
  }

  presence(change: PresenceNews): void {
    this.#socket.emit('presence', change);
  }

  /** Looks again each time that something has left; an upgrade changes the way. */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const { conn } = this.#socket;
    const { transport } = conn;
    let isOver = false;
    const look = (): void => {
      if (isOver) return;
      isOver = true;
      transport.off('ready', look);
      conn.off('upgrade', look);
      conn.off('close', look);
      this.#isWatching = false;
      if (!this.#isDrained) return this.#watch();
      for (const resolve of this.#waiting.splice(0)) resolve();
    };
    conn.on('upgrade', look);
    conn.on('close', look);
    if (this.#isTaken) this.#webSocket?.onceSent(look);
    else transport.on('ready', look);
  }

  /** Ends a connection whose client asks and asks and never reads. */
  #checkUnsent(): void {
    if (!this.#isIdle && this.#unsent > this.#limits.maxSocketBytes) this.#socket.conn.close(true);
  }

  readonly #onPacket = (packet: { data?: unknown }): void => {
    if (bufferOf(this.#socket.conn).length === 0) this.#queued = 0;
    if (typeof packet.data === 'string') this.#queued += packet.data.length;
    this.#checkUnsent();
  };
}

/** `socket` is what Engine.IO's WebSocket transport calls its own; a test pins it. */
export function webSocketOf(transport: object): GatheredWebSocket | undefined {
  return 'socket' in transport && transport.socket instanceof GatheredWebSocket
    ? transport.socket
    : undefined;
}

/** `writeBuffer` is a documented property of Engine.IO's socket, though its type hides it. */
function bufferOf(conn: object): readonly unknown[] {
  return 'writeBuffer' in conn && Array.isArray(conn.writeBuffer) ? conn.writeBuffer : [];
}
