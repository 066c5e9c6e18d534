/** A receiver of hooks: checks every signature, keeps what came, and fails when told to. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Message } from '../../src/protocol/words.ts';

export const HOOK_SECRET = 'the secret of the hooks';

export interface LogEvent {
  readonly type: 'log';
  readonly namespace: string;
  readonly room: string;
  readonly epoch: string;
  readonly messages: Message[];
}

/** Beside the logs, at best. */
export interface OtherEvent {
  readonly type: string;
  readonly namespace: string;
  readonly room?: string;
  readonly user: string;
}

export interface HookReceiver extends AsyncDisposable {
  readonly url: string;
  readonly events: LogEvent[];
  readonly others: OtherEvent[];
  /** What was wrong with what came. */
  readonly faults: string[];
  /** Answers with this status from now on; 0: none at all. */
  status: number;
  /** Ends: nobody listens at its address, until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** Seqs of a room in the order they came, repeats left out. */
  seqs(room: string): number[];
}

export async function startReceiver(port = 0): Promise<HookReceiver> {
  const events: LogEvent[] = [];
  const others: OtherEvent[] = [];
  const faults: string[] = [];
  const receiver = { status: 204 };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (receiver.status === 0) return;
      const body = Buffer.concat(parts).toString();
      const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': given } = request.headers;
      const mac = createHmac('sha256', HOOK_SECRET)
        .update(`${String(id)}.${String(at)}.${body}`)
        .digest('base64');
      if (given !== `v1,${mac}`) faults.push(`a signature that is none: ${String(given)}`);
      if (Math.abs(Number(at) - Date.now() / 1_000) > 60) faults.push(`a time that is none: ${String(at)}`);
      if (receiver.status < 300) {
        const event = JSON.parse(body) as LogEvent | OtherEvent;
        if ('messages' in event) events.push(event);
        else others.push(event);
      }
      response.writeHead(receiver.status).end();
    });
  });
  const listen = async (at: number): Promise<void> => {
    server.listen(at, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(port);
  const own = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${own}/hook`,
    events,
    others,
    faults,
    get status() {
      return receiver.status;
    },
    set status(status) {
      receiver.status = status;
    },
    async down() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
    up: () => listen(own),
    seqs(room) {
      const seen: number[] = [];
      for (const event of events) {
        if (event.room !== room) continue;
        for (const { seq } of event.messages) {
          const last = seen.at(-1) ?? 0;
          if (seq > last + 1) faults.push(`${room}: ${seq} after ${last}`);
          if (seq === last + 1) seen.push(seq);
        }
      }
      return seen;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
