/** A client that speaks bytes: for requests that no HTTP library would send. */
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export class RawClient {
  readonly socket: Socket;
  /** Resolves with all that came when the connection ends. */
  readonly answer: Promise<string>;
  #received = '';

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      this.#received += text;
    });
    // A reset ends the answer like a close does.
    this.socket.on('error', () => undefined);
    this.answer = new Promise((resolve) => {
      this.socket.on('close', () => resolve(this.#received));
    });
  }

  get received(): string {
    return this.#received;
  }

  send(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** In parts, so that each is a segment of its own. */
  async sendSlowly(parts: readonly string[], gapMs: number): Promise<void> {
    for (const part of parts) {
      this.send(part);
      await pause(gapMs);
    }
  }

  /** Resolves once the answer contains `text`. */
  async receive(text: string, withinMs = 10_000): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!this.#received.includes(text)) {
      if (this.socket.destroyed || Date.now() > deadline)
        throw new Error(`${JSON.stringify(text)} did not come; got ${JSON.stringify(this.#received)}`);
      await pause(5);
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** Sends these bytes on a connection of their own and gives the whole answer. */
export async function sendRaw(port: number, bytes: string | Buffer): Promise<string> {
  using client = new RawClient(port);
  client.send(bytes);
  return await client.answer;
}

/** A GET as a browser might send it. */
export function get(path: string, ...headers: string[]): string {
  return `${[`GET ${path} HTTP/1.1`, 'Host: test', ...headers].join('\r\n')}\r\n\r\n`;
}

/** The status code of an answer; 0 where none came. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
}

/** The JSON body of an answer, chunked or not. */
export function bodyOf<T>(answer: string): T {
  return JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as T;
}

/** A short text frame of a WebSocket client. */
export function maskedText(text: string): Buffer {
  const mask = [1, 2, 3, 4];
  const payload = Buffer.from(text).map((byte, at) => byte ^ (mask[at % 4] ?? 0));
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, ...mask]), payload]);
}
