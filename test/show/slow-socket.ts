/** A WebSocket client that can stop reading for good: by hand, since stock clients always read. */
import WebSocket from 'ws';
import { until } from '../support/client.ts';

export class SlowSocket {
  readonly #socket: WebSocket;
  lastSeq = 0;
  holes = 0;
  isClosed = false;
  #isConnected = false;
  #isJoined = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#take((data as Buffer).toString()));
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('error', () => {});
  }

  /** Connected, welcomed and joined from the head. */
  static async connect(url: string, user: string, room: string): Promise<SlowSocket> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    const slow = new SlowSocket(socket);
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send(`40${JSON.stringify({ user })}`);
    await until(
      () => slow.#isConnected,
      5_000,
      () => 'not connected',
    );
    socket.send(`420${JSON.stringify(['room:join', { room }])}`);
    await until(
      () => slow.#isJoined,
      5_000,
      () => 'not joined',
    );
    return slow;
  }

  stopReading(): void {
    this.#socket.pause();
  }

  read(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.terminate();
  }

  #take(packet: string): void {
    if (packet === '2') this.#socket.send('3');
    if (packet.startsWith('40')) this.#isConnected = true;
    if (packet.startsWith('430')) {
      const [reply] = JSON.parse(packet.slice(3)) as [{ ok: boolean; from?: { seq: number } }];
      this.#isJoined = reply.ok;
      this.lastSeq = reply.from?.seq ?? 0;
    }
    if (!packet.startsWith('42["messages"')) return;
    const [, { messages }] = JSON.parse(packet.slice(2)) as [string, { messages: { seq: number }[] }];
    for (const { seq } of messages) {
      if (seq !== this.lastSeq + 1) this.holes += 1;
      this.lastSeq = seq;
    }
  }
}
