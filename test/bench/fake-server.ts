/**
 * A server that does what the test says: speaks the wire as far as the load needs it, numbers
 * posts, and sends each client exactly the frames that `deliver` returns, which it counts.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface FakeMessage {
  readonly seq?: number;
  readonly id: string;
  readonly text: string;
}

export interface FakeServerOptions {
  /** Batches for one client, of the posts taken in this turn. Default: all in one. */
  readonly deliver?: ((messages: readonly FakeMessage[], client: number) => FakeMessage[][]) | undefined;
  /** Whether it numbers the log, as ours does. Default true. */
  readonly hasSeqs?: boolean | undefined;
}

export interface FakeServer extends AsyncDisposable {
  readonly url: string;
  /** Messages and frames written to clients so far. */
  readonly sent: { messages: number; frames: number };
}

interface Member {
  readonly socket: WebSocket;
  readonly index: number;
}

export async function startFakeServer({
  deliver,
  hasSeqs = true,
}: FakeServerOptions = {}): Promise<FakeServer> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const rooms = new Map<string, { head: number; members: Member[]; fresh: FakeMessage[] }>();
  const sent = { messages: 0, frames: 0 };
  let clients = 0;

  const flush = (room: string): void => {
    const state = rooms.get(room);
    if (state === undefined) return;
    const messages = state.fresh.splice(0);
    for (const { socket, index } of state.members) {
      for (const batch of deliver?.(messages, index) ?? [messages]) {
        socket.send(`42["messages",${JSON.stringify({ room, messages: batch })}]`);
        sent.messages += batch.length;
        sent.frames += 1;
      }
    }
  };

  server.on('connection', (socket) => {
    const index = clients;
    clients += 1;
    socket.send('0{"sid":"fake"}');
    socket.on('message', (data) => {
      const text = (data as Buffer).toString();
      if (text.startsWith('40')) return socket.send('40{"sid":"fake"}');
      const bracket = text.indexOf('[');
      const ack = text.slice(2, bracket);
      const [event, body] = JSON.parse(text.slice(bracket)) as [
        string,
        { room: string; id: string; text: string },
      ];
      let state = rooms.get(body.room);
      if (state === undefined) rooms.set(body.room, (state = { head: 0, members: [], fresh: [] }));
      if (event === 'room:join') {
        state.members.push({ socket, index });
        const reply = { ok: true, ...(hasSeqs ? { from: { epoch: 'e', seq: state.head } } : {}) };
        return socket.send(`43${ack}${JSON.stringify([reply])}`);
      }
      state.head += 1;
      const seq = hasSeqs ? { seq: state.head } : {};
      state.fresh.push({ ...seq, id: body.id, text: body.text });
      if (state.fresh.length === 1) setImmediate(flush, body.room);
      socket.send(`43${ack}${JSON.stringify([{ ok: true, ...seq, durability: 'memory' }])}`);
    });
  });

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    async [Symbol.asyncDispose]() {
      for (const socket of server.clients) socket.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}
