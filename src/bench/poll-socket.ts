/**
 * Engine.IO by long polling, with the face of a FrameSocket: one GET waits for packets, one POST
 * at a time carries what was queued meanwhile.
 */
import { Agent, type IncomingMessage, request } from 'node:http';
import type { ClientSocket, FrameEvents } from './frame-socket.ts';

/** Between packets of one payload. */
const SEPARATOR = 0x1e;
const MAX_PAYLOAD_BYTES = 64 * 1_048_576;

export class PollSocket implements ClientSocket {
  readonly #url: URL;
  readonly #events: FrameEvents;
  /** One connection for the GET, one for the POST. */
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 2 });
  #pending: string[] = [];
  #isPosting = false;
  #isClosed = false;

  private constructor(url: URL, events: FrameEvents) {
    this.#url = new URL(url);
    this.#events = events;
  }

  /** Resolves when the server has given it a session. `url`: `http://host:port/path?EIO=4&transport=polling`. */
  static async open(url: URL, events: FrameEvents): Promise<PollSocket> {
    const socket = new PollSocket(url, events);
    try {
      const opened = await socket.#ask('GET');
      const { sid } = JSON.parse(opened.toString('utf8', 1)) as { sid: string };
      socket.#url.searchParams.set('sid', sid);
    } catch (error) {
      socket.close();
      throw error;
    }
    void socket.#poll();
    return socket;
  }

  queue(text: string): void {
    this.#pending.push(text);
  }

  flush(): void {
    if (this.#isPosting || this.#isClosed || this.#pending.length === 0) return;
    this.#isPosting = true;
    void this.#post();
  }

  close(): void {
    this.#isClosed = true;
    this.#agent.destroy();
  }

  async #post(): Promise<void> {
    try {
      while (this.#pending.length > 0 && !this.#isClosed) {
        const body = this.#pending.join('\x1e');
        this.#pending = [];
        await this.#ask('POST', body);
      }
    } catch (error) {
      this.#end(error);
    }
    this.#isPosting = false;
  }

  async #poll(): Promise<void> {
    try {
      while (!this.#isClosed) {
        const bytes = await this.#ask('GET');
        for (let start = 0; start < bytes.length && !this.#isClosed; ) {
          const found = bytes.indexOf(SEPARATOR, start);
          const end = found < 0 ? bytes.length : found;
          this.#events.onText(bytes, start, end);
          start = end + 1;
        }
        if (!this.#isClosed) this.#events.onRead();
      }
    } catch (error) {
      this.#end(error);
    }
  }

  async #ask(method: 'GET' | 'POST', body?: string): Promise<Buffer> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = body === undefined ? {} : { 'Content-Type': 'text/plain;charset=UTF-8' };
      request(this.#url, { method, agent: this.#agent, headers }, resolve).on('error', reject).end(body);
    });
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (length > MAX_PAYLOAD_BYTES) throw new Error(`a payload of more than ${MAX_PAYLOAD_BYTES} bytes`);
    }
    const bytes = Buffer.concat(chunks);
    if (response.statusCode !== 200)
      throw new Error(`polling: HTTP ${response.statusCode}: ${bytes.toString('utf8', 0, 200)}`);
    return bytes;
  }

  #end(error: unknown): void {
    if (this.#isClosed) return;
    this.close();
    this.#events.onClose(error instanceof Error ? error.message : String(error));
  }
}
