/**
 * Socket.IO's decoder, for so many packets in one turn of the event loop: one body of long
 * polling may hold a hundred thousand, which would all be read and answered before anybody else.
 */
import { Decoder } from 'socket.io-parser';
import type { Limits } from '../protocol/limits.ts';

/** Bytes of a request in a body of long polling, at least: of a post there are fifty. */
const REQUEST_BYTES = 32;

/**
 * All that a client may have outstanding, and a little of what needs no answer; and as many posts as one
 * body holds, which a client gathers while it connects: what is too much of them is `busy`.
 */
export function packetsAtOnce({ maxOutstanding, maxPacketBytes }: Limits): number {
  return Math.max(2 * maxOutstanding, Math.ceil(maxPacketBytes / REQUEST_BYTES));
}

/** What is thrown ends the connection, as packets that are none do. */
export function boundedDecoder(maxPackets: number): typeof Decoder {
  return class extends Decoder {
    #packets = 0;

    override add(packet: unknown): void {
      if (this.#packets === 0) setImmediate(() => (this.#packets = 0));
      this.#packets += 1;
      if (this.#packets > maxPackets) throw new Error(`more than ${maxPackets} packets at once`);
      super.add(packet);
    }
  };
}
