/**
 * Requests straight from the WebSocket, and their answers straight back: a post would else go
 * through a dozen listeners, closures and turns of Engine.IO and Socket.IO in each direction.
 *
 * Only what is plainly a request goes this way: a text frame with one event of a connected
 * namespace, whose name is known. All else, and all of long polling, is theirs, refusals too. So
 * the requests of a socket keep their order: those that could be confused go the same way.
 */
import type { Socket } from 'socket.io';
import type { GatheredWebSocket, TextTaker } from './gathered-web-socket.ts';
import type { Requests } from './request.ts';
import { webSocketOf, type SocketOutlet } from './socket-outlet.ts';
import { prefixOf } from './wire-encoder.ts';

/** Longer ones may not survive as a number, which is what Socket.IO makes of them. */
const MAX_ID_DIGITS = 15;

export interface ReadEvent {
  /** Of the answer; undefined: none is wanted. */
  readonly id: number | undefined;
  readonly name: string;
  readonly args: readonly unknown[];
}

/** Undefined: not plainly an event. `head`: the packet's type and namespace, `42` or `42/ns,`. */
export function readEvent(text: string, head: string): ReadEvent | undefined {
  if (!text.startsWith(head)) return undefined;
  let at = head.length;
  while (isDigit(text.charCodeAt(at))) at += 1;
  if (text[at] !== '[' || at - head.length > MAX_ID_DIGITS) return undefined;
  const id = at === head.length ? undefined : Number(text.slice(head.length, at));
  const data = parseJson(text.slice(at));
  if (!Array.isArray(data)) return undefined;
  const [name, ...args] = data as unknown[];
  return typeof name === 'string' ? { id, name, args } : undefined;
}

/** Takes the requests of a socket until `end`. */
export class DirectRequests implements TextTaker {
  readonly #socket: Socket;
  readonly #requests: Pick<Requests, 'isKnown' | 'ask'>;
  readonly #outlet: SocketOutlet;
  /** How packets of the namespace name it; and how its events begin. */
  readonly #prefix: string;
  readonly #head: string;
  #webSocket: GatheredWebSocket | undefined;
  #onUpgrade: (() => void) | undefined;

  constructor(socket: Socket, requests: Pick<Requests, 'isKnown' | 'ask'>, outlet: SocketOutlet) {
    this.#socket = socket;
    this.#requests = requests;
    this.#outlet = outlet;
    this.#prefix = prefixOf(socket.nsp.name);
    this.#head = `42${this.#prefix}`;
    this.#begin();
    if (this.#webSocket !== undefined) return;
    // Not before an upgrade is over: until then Engine.IO alone knows what a frame means.
    this.#onUpgrade = () => this.#begin();
    socket.conn.once('upgrade', this.#onUpgrade);
  }

  take(text: string): boolean {
    // Engine.IO hears nothing more from a connection that it is about to end.
    if (this.#socket.conn.readyState !== 'open') return false;
    const event = readEvent(text, this.#head);
    if (event === undefined || !this.#requests.isKnown(event.name)) return false;
    const { id, name, args } = event;
    const callback =
      id === undefined
        ? undefined
        : (reply: object): void => this.#outlet.reply(`3${this.#prefix}${id}[${JSON.stringify(reply)}]`);
    this.#requests.ask(name, args, callback);
    return true;
  }

  end(): void {
    if (this.#onUpgrade !== undefined) this.#socket.conn.off('upgrade', this.#onUpgrade);
    this.#webSocket?.removeTaker(this);
  }

  #begin(): void {
    this.#webSocket = webSocketOf(this.#socket.conn.transport);
    this.#webSocket?.addTaker(this);
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
