/**
 * The default wire format, with two things less: JSON that is text already is not made again,
 * and nothing is searched for binary data (the server sends none; TRAPS 6).
 */
import { Encoder, PacketType, type Packet } from 'socket.io-parser';

/** An event's object that is JSON already. */
export class RawJson {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }
}

export class WireEncoder extends Encoder {
  override encode(packet: Packet): string[] {
    const data: unknown = packet.data;
    if (packet.type === PacketType.EVENT && Array.isArray(data) && data[1] instanceof RawJson) {
      const namespace = packet.nsp === '/' ? '' : `${packet.nsp},`;
      return [`2${namespace}[${JSON.stringify(data[0])},${data[1].json}]`];
    }
    return [plainText(packet)];
  }
}

function plainText({ type, nsp, id, data }: Packet): string {
  const namespace = nsp === '/' ? '' : `${nsp},`;
  return `${type}${namespace}${id ?? ''}${data === undefined || data === null ? '' : JSON.stringify(data)}`;
}
