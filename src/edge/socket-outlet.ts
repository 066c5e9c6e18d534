/**
 * One socket's way out: what it is sent, how much of it is still unsent, when it has drained.
 *
 * Engine.IO's buffer has no limit of its own (TRAPS 6.4), so this counts. Over
 * `maxBufferedBytes` nothing of a feed is added; over `maxSocketBytes`, which only replies can
 * reach, the connection ends.
 */
import type { Socket } from 'socket.io';
import type { Outlet } from '../chat/outlet.ts';
import { nameOf, type RoomId } from '../chat/identity.ts';
import type { GoneReason, Lost } from '../protocol/words.ts';
import { RawJson } from './wire-encoder.ts';

export interface OutletLimits {
  readonly maxBufferedBytes: number;
  readonly maxSocketBytes: number;
}

/** The Socket.IO room of a chat room's live sockets; never as long as a socket id. */
export function liveRoom(room: string): string {
  return `live:${room}`;
}

export function messagesEvent(room: RoomId, epoch: string, messages: string): RawJson {
  return new RawJson(
    `{"room":${JSON.stringify(nameOf(room))},"epoch":${JSON.stringify(epoch)},"messages":${messages}}`,
  );
}

export class SocketOutlet implements Outlet {
  readonly #socket: Socket;
  readonly #limits: OutletLimits;
  /** Bytes of feeds since the connection was last seen drained. */
  #unsent = 0;
  #waiting: (() => void)[] = [];
  #isWatching = false;

  constructor(socket: Socket, limits: OutletLimits) {
    this.#socket = socket;
    this.#limits = limits;
    this.#guard();
  }

  get #isDrained(): boolean {
    const { conn } = this.#socket;
    return (conn.transport.writable && this.#buffered() === 0) || conn.readyState !== 'open';
  }

  admit(bytes: number): boolean {
    if (this.#isDrained) this.#unsent = 0;
    else if (this.#unsent + bytes > this.#limits.maxBufferedBytes) return false;
    this.#unsent += bytes;
    return true;
  }

  drained(): Promise<void> {
    if (this.#isDrained) return Promise.resolve();
    this.#watch();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  messages(room: RoomId, epoch: string, messages: string): void {
    this.#socket.emit('messages', messagesEvent(room, epoch, messages));
  }

  lost(lost: Lost): void {
    this.#socket.emit('lost', lost);
  }

  gone(room: RoomId, reason: GoneReason): void {
    this.#socket.emit('room', { room: nameOf(room), gone: reason });
  }

  enter(room: RoomId): void {
    void this.#socket.join(liveRoom(nameOf(room)));
  }

  exit(room: RoomId): void {
    void this.#socket.leave(liveRoom(nameOf(room)));
  }

  /** The packets that wait for the transport. */
  #buffered(): number {
    return bufferOf(this.#socket.conn).length;
  }

  /** Looks again each time the transport can write; an upgrade changes the transport. */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const { conn } = this.#socket;
    let { transport } = conn;
    const look = (): void => {
      if (!this.#isDrained) return;
      transport.off('ready', look);
      conn.off('upgrade', onUpgrade);
      conn.off('close', look);
      this.#isWatching = false;
      for (const resolve of this.#waiting.splice(0)) resolve();
    };
    const onUpgrade = (): void => {
      transport.off('ready', look);
      transport = conn.transport;
      transport.on('ready', look);
      look();
    };
    transport.on('ready', look);
    conn.on('upgrade', onUpgrade);
    conn.on('close', look);
  }

  /** Ends a connection whose client asks and asks and never reads. */
  #guard(): void {
    const { conn } = this.#socket;
    let bytes = 0;
    conn.on('packetCreate', (packet: { data?: unknown }) => {
      const waiting = this.#buffered();
      if (waiting === 0) bytes = 0;
      else if (typeof packet.data === 'string') bytes += packet.data.length;
      if (bytes > this.#limits.maxSocketBytes) conn.close(true);
    });
  }
}

/** `writeBuffer` is a documented property of Engine.IO's socket, though its type hides it. */
function bufferOf(conn: object): readonly unknown[] {
  return 'writeBuffer' in conn && Array.isArray(conn.writeBuffer) ? conn.writeBuffer : [];
}
