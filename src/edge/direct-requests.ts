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

/** Takes the requests of a socket for as long as it is connected. */
export function takeDirectly(socket: Socket, requests: Requests, outlet: SocketOutlet): void {
  const { conn } = socket;
  const prefix = prefixOf(socket.nsp.name);
  const head = `42${prefix}`;
  let webSocket: GatheredWebSocket | undefined;
  const take: TextTaker = (text) => {
    // Engine.IO hears nothing more from a connection that it is about to end.
    if (conn.readyState !== 'open') return false;
    const event = readEvent(text, head);
    if (event === undefined || !requests.isKnown(event.name)) return false;
    const { id, name, args } = event;
    const callback =
      id === undefined
        ? undefined
        : (reply: object): void => outlet.reply(`3${prefix}${id}[${JSON.stringify(reply)}]`);
    requests.ask(name, args, callback);
    return true;
  };
  // Not before an upgrade is over: until then Engine.IO alone knows what a frame means.
  const begin = (): void => {
    webSocket = webSocketOf(conn.transport);
    webSocket?.addTaker(take);
  };
  begin();
  if (webSocket === undefined) conn.once('upgrade', begin);
  socket.once('disconnect', () => {
    conn.off('upgrade', begin);
    webSocket?.removeTaker(take);
  });
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
