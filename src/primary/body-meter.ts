/**
 * How many of the bytes that arrive belong to the body of one request.
 *
 * Pure. What lies beyond the body is another request, and must never reach the worker as
 * part of this one (trap 18). Chunked bodies are walked through, not decoded.
 */
import { Refusal } from './refusal.ts';
import type { Framing } from './request-head.ts';

/** Where in a chunked body the next byte stands. */
type Place = 'size' | 'extension' | 'sizeLf' | 'data' | 'dataCr' | 'dataLf' | 'trailer' | 'trailerLf' | 'end';

const CR = 13;
const LF = 10;
/** Chunk extensions and trailers together; more is nonsense. */
const MAX_ASIDE_BYTES = 8_192;

export class BodyMeter {
  readonly #isChunked: boolean;
  readonly #maxBytes: number;

  /** Of a body with a length, or of the present chunk. */
  #left: number;
  #place: Place;
  #digits = 0;
  #lineBytes = 0;
  #asideBytes = 0;
  #taken = 0;

  constructor(framing: Framing, maxBytes: number) {
    this.#isChunked = framing.kind === 'chunked';
    this.#maxBytes = maxBytes;
    this.#left = framing.kind === 'length' ? framing.bytes : 0;
    this.#place = framing.kind === 'chunked' ? 'size' : this.#left > 0 ? 'data' : 'end';
    if (framing.kind === 'length' && framing.bytes > maxBytes)
      throw new Refusal(413, `the body has ${framing.bytes} bytes; the limit is ${maxBytes}`);
  }

  get isComplete(): boolean {
    return this.#place === 'end';
  }

  /** How many bytes at the start of `chunk` are of this body. Throws a `Refusal`. */
  take(chunk: Uint8Array): number {
    const count = this.#isChunked ? this.#walk(chunk) : this.#count(chunk.length);
    this.#taken += count;
    if (this.#taken > this.#maxBytes)
      throw new Refusal(413, `the body has more than ${this.#maxBytes} bytes`);
    return count;
  }

  #count(bytes: number): number {
    const count = Math.min(bytes, this.#left);
    this.#left -= count;
    if (this.#left === 0) this.#place = 'end';
    return count;
  }

  #walk(chunk: Uint8Array): number {
    let at = 0;
    while (at < chunk.length && this.#place !== 'end') {
      if (this.#place === 'data') {
        const count = Math.min(chunk.length - at, this.#left);
        this.#left -= count;
        at += count;
        if (this.#left === 0) this.#place = 'dataCr';
        continue;
      }
      this.#step(chunk[at] ?? 0);
      at += 1;
    }
    return at;
  }

  /** One byte that is not data. */
  #step(byte: number): void {
    switch (this.#place) {
      case 'size':
        return this.#stepSize(byte);
      case 'extension':
        if (byte === CR) this.#place = 'sizeLf';
        else this.#aside(byte);
        return;
      case 'sizeLf':
        this.#expect(byte, LF);
        this.#lineBytes = 0;
        this.#place = this.#left > 0 ? 'data' : 'trailer';
        return;
      case 'dataCr':
        this.#expect(byte, CR);
        this.#place = 'dataLf';
        return;
      case 'dataLf':
        this.#expect(byte, LF);
        this.#digits = 0;
        this.#place = 'size';
        return;
      case 'trailer':
        if (byte === CR) {
          this.#place = 'trailerLf';
        } else {
          this.#aside(byte);
          this.#lineBytes += 1;
        }
        return;
      case 'trailerLf':
        this.#expect(byte, LF);
        this.#place = this.#lineBytes === 0 ? 'end' : 'trailer';
        this.#lineBytes = 0;
        return;
      case 'data':
      case 'end':
    }
  }

  #stepSize(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#digits += 1;
      if (this.#digits > 8) throw new Refusal(413, 'a chunk is too large');
      this.#left = this.#left * 16 + digit;
      return;
    }
    if (this.#digits === 0) throw new Refusal(400, 'malformed chunk');
    if (byte === CR) this.#place = 'sizeLf';
    else if (byte === 0x3b) this.#place = 'extension';
    else throw new Refusal(400, 'malformed chunk');
  }

  #aside(byte: number): void {
    this.#asideBytes += 1;
    if (byte === LF || byte === 0 || this.#asideBytes > MAX_ASIDE_BYTES)
      throw new Refusal(400, 'malformed chunk');
  }

  #expect(byte: number, wanted: number): void {
    if (byte !== wanted) throw new Refusal(400, 'malformed chunk');
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const low = byte | 0x20;
  return low >= 0x61 && low <= 0x66 ? low - 0x57 : -1;
}
