/**
 * Socket.IO's decoder, for so many packets in one turn of the event loop: one body of long
 * polling may hold a hundred thousand, which would all be read and answered before anybody else.
 */
import { Decoder } from 'socket.io-parser';

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
