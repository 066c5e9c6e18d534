/**
 * A WebSocket whose frames are gathered (write-gather.ts), and which says at once that it can
 * take more as long as little is unsent: Engine.IO would keep each packet back until the one
 * before had left the process, and send them one by one.
 */
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { textFrame } from './text-frame.ts';
import type { WriteGather } from './write-gather.ts';

type Done = (error?: Error) => void;

export interface TextTaker {
  /** True: it was taken, and is nobody else's. */
  take(text: string): boolean;
}

/** Unsent bytes above which the sender waits. */
const MAX_UNSENT = 262_144;
const NOTHING = Buffer.alloc(0);
const NONE: readonly TextTaker[] = [];

export class GatheredWebSocket extends WebSocket {
  #socket: Socket | undefined;
  #gather: WriteGather | undefined;
  #takers: readonly TextTaker[] = NONE;

  /** Called once, when the connection is open; `socket` is its own. */
  gatherInto(gather: WriteGather, socket: Socket): void {
    this.#gather = gather;
    this.#socket = socket;
  }

  /** From now on text goes to it before it goes to the listeners. */
  addTaker(taker: TextTaker): void {
    this.#takers = this.#takers.concat(taker);
  }

  removeTaker(taker: TextTaker): void {
    this.#takers = this.#takers.filter((other) => other !== taker);
  }

  /** How ws hands on what came in: a text is a buffer, and not binary. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'message' && this.#takers.length > 0 && this.#isTaken(args[0], args[1])) return true;
    return super.emit(event, ...args);
  }

  #isTaken(data: unknown, isBinary: unknown): boolean {
    if (isBinary !== false || !(data instanceof Buffer)) return false;
    const text = data.toString();
    return this.#takers.some((taker) => taker.take(text));
  }

  /** Bytes that have not left the process. */
  get unsent(): number {
    return this.#socket?.writableLength ?? 0;
  }

  /** Calls back when all that was sent so far has left the process, or never will. */
  onceSent(task: () => void): void {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) setImmediate(task);
    // What is written behind the end is an error, which would cut off what has not left.
    else if (socket.writableEnded) socket.once('close', task);
    else socket.write(NOTHING, task);
  }

  /** As ws sends it; text without options goes the short way. */
  override send(data: unknown, options?: object | Done, done?: Done): void {
    if (typeof data === 'string' && (options === undefined || typeof options === 'function')) {
      if (this.sendFrame(textFrame(data), (options as Done | undefined) ?? done)) return;
    }
    super.send(data as string, options as object, done);
  }

  /** Sends a whole frame; false: not open, nothing was done. */
  sendFrame(frame: Buffer, done?: Done): boolean {
    const socket = this.#socket;
    if (socket === undefined || this.readyState !== WebSocket.OPEN) return false;
    this.#gather?.hold(socket);
    if (socket.writableLength > MAX_UNSENT) socket.write(frame, done as (error?: Error | null) => void);
    else {
      socket.write(frame);
      done?.();
    }
    return true;
  }
}
