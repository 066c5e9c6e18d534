/**
 * A WebSocket client that costs next to nothing: for the load, which shares its cores with
 * the server that it measures.
 *
 * Owns the connection, its frames and the mask; knows nothing of Socket.IO. All sockets of a
 * process read into one buffer, and a frame is handed on where it lies: whoever wants to keep
 * its bytes copies them. Takes only what a lawful text server sends: whole text frames, pings, a close.
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export interface FrameEvents {
  /** The payload of a text frame lies in `bytes` from `start` to `end`, for this call only. */
  onText(bytes: Buffer, start: number, end: number): void;
  /** Everything that had arrived has been handed on. */
  onRead(): void;
  onClose(reason: string): void;
}

/** A connection of the load, whatever carries it. */
export interface ClientSocket {
  /** Queues a text of ASCII; it leaves with the next `flush`. */
  queue(text: string): void;
  flush(): void;
  close(): void;
}

const READ_BYTES = 131_072;
const MAX_FRAME_BYTES = 64 * 1_048_576;
const MASK = Buffer.from([0x5a, 0x3c, 0x96, 0xc3]);
const ACCEPT_SALT = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 0x81;
const CLOSE = 0x88;
const PING = 0x89;
const PONG = 0x8a;

/** One for all: a read is finished before the next begins. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

export class FrameSocket implements ClientSocket {
  readonly #socket: Socket;
  readonly #events: FrameEvents;
  readonly #accept: string;

  /** What has arrived of a head or frame that is not whole; `#heldBytes` of it are used. */
  #held = Buffer.alloc(0);
  #heldBytes = 0;
  #isOpen = false;
  #isClosed = false;
  #pending: Buffer[] = [];
  #onOpen: (() => void) | undefined;

  private constructor(url: URL, key: string, events: FrameEvents, localAddress: string | undefined) {
    this.#events = events;
    this.#accept = createHash('sha1').update(`${key}${ACCEPT_SALT}`).digest('base64');
    this.#socket = connect({
      host: url.hostname,
      port: Number(url.port),
      localAddress,
      noDelay: true,
      onread: { buffer: shared, callback: (length) => this.#handleBytes(length) },
    });
    this.#socket.on('error', (error) => this.#end(error.message));
    this.#socket.on('close', () => this.#end('the server closed the connection'));
  }

  /**
   * Resolves when the server has agreed to speak WebSocket. `url`: `http://host:port/path`.
   * `localAddress`: where it comes from; one address has ports for some 28,000 connections.
   */
  static async open(url: URL, events: FrameEvents, localAddress?: string): Promise<FrameSocket> {
    const key = randomBytes(16).toString('base64');
    let refuse: (error: Error) => void = () => {};
    const refused = new Promise<never>((_, reject) => {
      refuse = reject;
    });
    const socket = new FrameSocket(
      url,
      key,
      {
        onText: (bytes, start, end) => events.onText(bytes, start, end),
        onRead: () => events.onRead(),
        onClose: (reason) => {
          refuse(new Error(reason));
          events.onClose(reason);
        },
      },
      localAddress,
    );
    const opened = new Promise<void>((resolve) => {
      socket.#onOpen = resolve;
    });
    socket.#socket.write(
      `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    await Promise.race([opened, refused]);
    return socket;
  }

  queue(text: string): void {
    this.#pending.push(maskedFrame(TEXT, text));
  }

  /** One write for everything queued. */
  flush(): void {
    if (this.#pending.length === 0 || this.#isClosed) return;
    const [first] = this.#pending;
    this.#socket.write(
      this.#pending.length === 1 && first !== undefined ? first : Buffer.concat(this.#pending),
    );
    this.#pending = [];
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #handleBytes(length: number): boolean {
    if (this.#heldBytes === 0) {
      const taken = this.#take(shared, length);
      this.#hold(shared, taken, length);
    } else {
      this.#hold(shared, 0, length);
      const taken = this.#take(this.#held, this.#heldBytes);
      this.#held.copyWithin(0, taken, this.#heldBytes);
      this.#heldBytes -= taken;
    }
    if (!this.#isClosed) this.#events.onRead();
    return true;
  }

  /** Appends to what is held; grows by doubling. */
  #hold(bytes: Buffer, start: number, end: number): void {
    const needed = this.#heldBytes + end - start;
    if (needed > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#held.length * 2, 1_024));
      this.#held.copy(grown, 0, 0, this.#heldBytes);
      this.#held = grown;
    }
    bytes.copy(this.#held, this.#heldBytes, start, end);
    this.#heldBytes = needed;
  }

  /** Hands on every whole frame; returns how many bytes they had. */
  #take(bytes: Buffer, end: number): number {
    let at = this.#isOpen ? 0 : this.#takeHead(bytes, end);
    while (this.#isOpen && !this.#isClosed && end - at >= 2) {
      const short = bytes.readUInt8(at + 1);
      const headBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (end - at < headBytes) break;
      const length =
        short < 126
          ? short
          : short === 126
            ? bytes.readUInt16BE(at + 2)
            : Number(bytes.readBigUInt64BE(at + 2));
      if (length > MAX_FRAME_BYTES) {
        this.#end(`a frame of ${length} bytes`);
        break;
      }
      const start = at + headBytes;
      if (end - start < length) break;
      at = start + length;
      this.#handleFrame(bytes.readUInt8(start - headBytes), bytes, start, at);
    }
    return at;
  }

  #takeHead(bytes: Buffer, end: number): number {
    const endOfHead = bytes.subarray(0, end).indexOf('\r\n\r\n');
    if (endOfHead < 0) return 0;
    const head = bytes.toString('latin1', 0, endOfHead);
    if (head.startsWith('HTTP/1.1 101') && head.includes(this.#accept)) {
      this.#isOpen = true;
      this.#onOpen?.();
    } else {
      this.#end(`no WebSocket: ${head.split('\r\n', 1)[0] ?? ''}`);
    }
    return endOfHead + 4;
  }

  #handleFrame(kind: number, bytes: Buffer, start: number, end: number): void {
    if (kind === TEXT) return this.#events.onText(bytes, start, end);
    if (kind === PING) this.#socket.write(maskedFrame(PONG, bytes.toString('latin1', start, end)));
    else if (kind === CLOSE) this.#end('the server sent a close');
    else if (kind !== PONG) this.#end(`a frame of kind 0x${kind.toString(16)}`);
  }

  #end(reason: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#events.onClose(reason);
  }
}

function maskedFrame(kind: number, text: string): Buffer {
  const { length } = text;
  const headBytes = length < 126 ? 2 : 4;
  if (length > 65_535) throw new RangeError(`a frame of the load has at most 65535 bytes; got ${length}`);
  const start = headBytes + MASK.length;
  const frame = Buffer.allocUnsafe(start + length);
  frame.writeUInt8(kind, 0);
  if (length < 126) {
    frame.writeUInt8(0x80 | length, 1);
  } else {
    frame.writeUInt8(0x80 | 126, 1);
    frame.writeUInt16BE(length, 2);
  }
  MASK.copy(frame, headBytes);
  frame.write(text, start, 'latin1');
  for (let i = 0; i < length; i += 1) {
    // Both buffers are in range: `& 3` of four bytes, `start + i` below the frame's length.
    frame[start + i] = (frame[start + i] ?? 0) ^ (MASK[i & 3] ?? 0);
  }
  return frame;
}
