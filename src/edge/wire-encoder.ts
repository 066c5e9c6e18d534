/**
 * The default wire format, without the search for binary data (the server sends none; TRAPS 6).
 * A `messages` event is encoded once for all sockets that get it, from JSON that is text already.
 */
import { Encoder, type Packet } from 'socket.io-parser';
import { nameOf, namespaceOf, type RoomId } from '../chat/identity.ts';
import type { MessagesEvent } from '../chat/outlet.ts';
import { textFrame } from './text-frame.ts';

export class WireEncoder extends Encoder {
  override encode({ type, nsp, id, data }: Packet): string[] {
    const body = data === undefined || data === null ? '' : JSON.stringify(data);
    return [`${type}${prefixOf(nsp)}${id ?? ''}${body}`];
  }
}

export class WireMessages implements MessagesEvent {
  readonly packet: string;
  #frame: Buffer | undefined;

  constructor(packet: string) {
    this.packet = packet;
  }

  get bytes(): number {
    return this.packet.length;
  }

  get frame(): Buffer {
    // Engine.IO's letter for a message is 4.
    this.#frame ??= textFrame(`4${this.packet}`);
    return this.#frame;
  }
}

/** `messages`: a JSON array. */
export function encodeMessages(room: RoomId, epoch: string, messages: string): MessagesEvent {
  const head = `{"room":${JSON.stringify(nameOf(room))},"epoch":${JSON.stringify(epoch)},"messages":`;
  return new WireMessages(`2${prefixOf(namespaceOf(room))}["messages",${head}${messages}}]`);
}

export function encodeEvent(room: RoomId, event: string, object: object): MessagesEvent {
  return new WireMessages(`2${prefixOf(namespaceOf(room))}${JSON.stringify([event, object])}`);
}

/** How a packet names its namespace. */
export function prefixOf(namespace: string): string {
  return namespace === '/' ? '' : `${namespace},`;
}
