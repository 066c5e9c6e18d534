/**
 * The public port: takes connections, reads their heads, and brings each to a worker.
 *
 * Owns which worker gets a connection; how it gets there is the lane's, the library's and the
 * kept connections' part. A worker that is booting, draining or dead gets no new client; one
 * that drains still gets the polls of its own sessions. Nothing here waits without a limit (G10).
 */
import type { Worker } from 'node:cluster';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { Balance } from './balance.ts';
import { BodyMeter } from './body-meter.ts';
import { type Connection, isGone } from './connection.ts';
import { Deadlines } from './deadlines.ts';
import { type FrontLimits, frontLimits } from './front-limits.ts';
import { HeadReader } from './head-reader.ts';
import { KeptConnections } from './kept-connections.ts';
import { Lane } from './lane.ts';
import { type AnswerOptions, Refusal, refusalBody, renderAnswer, type Status } from './refusal.ts';
import { parseHead, type RequestHead } from './request-head.ts';
import { StickyRouter } from './sticky-router.ts';

const SWEEP_MS = 250;
const SESSION_PATH = '/socket.io/';

/** One worker as the front sees it. */
interface Gate {
  readonly worker: Worker;
  readonly lane: Lane;
  /** Whether it gets new clients. */
  isOpen: boolean;
}

export interface FrontCounts {
  /** Sockets whose head is not complete. */
  readonly waiting: number;
  /** Connections on their way to a worker. */
  readonly inLanes: number;
  readonly kept: number;
  readonly sessions: number;
  readonly refused: number;
}

export class Front {
  readonly #limits: FrontLimits;
  readonly #server: Server;
  readonly #router: StickyRouter;
  readonly #balance = new Balance();
  readonly #heads: HeadReader;
  readonly #kept: KeptConnections;
  readonly #gates = new Map<number, Gate>();

  /** Connections whose session is not known yet: its report may be a moment behind. */
  readonly #parked: Deadlines<Connection>;
  /** On their way to a worker; a time for each, whatever holds it up. */
  readonly #routing: Deadlines<Connection>;
  /** Answered by us; they may read the answer, not more. */
  readonly #leaving = new Deadlines<Socket>(1_000);

  #sweep: NodeJS.Timeout | undefined;
  #isClosing = false;
  #refused = 0;
  #second = 0;
  #acceptedInSecond = 0;

  constructor(limits: Partial<FrontLimits> = {}) {
    this.#limits = frontLimits(limits);
    this.#parked = new Deadlines(this.#limits.unknownSessionMs);
    this.#routing = new Deadlines(this.#limits.routeMs);
    this.#kept = new KeptConnections(this.#limits);
    this.#heads = new HeadReader(this.#limits, {
      onHead: (socket, read, headBytes) => this.#handleHead(socket, read, headBytes),
      onRefused: (socket, refusal) => this.#refuse(socket, refusal),
    });
    this.#router = new StickyRouter({
      onSessionOpened: (sid, worker) => this.#handleSession(sid, worker),
      onSessionClosed: (_sid, worker) => this.#balance.closed(worker.id),
    });
    // No buffer: with any, the stream would start the stopped handle again a tick later to fill it,
    // and what is read while the socket waits for its worker is lost (trap 0; socket-handle.ts).
    // The server's own timers would write a 408 into a kept connection; ours replace them (trap 11).
    this.#server = createServer({
      highWaterMark: 0,
      headersTimeout: 0,
      requestTimeout: 0,
      keepAliveTimeout: 0,
    });
    this.#server.on('connection', (socket: Socket) => this.#handleConnection(socket));
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  get counts(): FrontCounts {
    return {
      waiting: this.#heads.waiting,
      inLanes: this.#routing.size,
      kept: this.#kept.size,
      sessions: this.#router.sessions,
      refused: this.#refused,
    };
  }

  /** Sessions of a worker, those included that are only on their way. */
  sessionsOf(worker: Worker): number {
    return this.#balance.count(worker.id, performance.now());
  }

  /** Rejects with the error of the listen call, as `EADDRINUSE`. Resolves with the port. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      // A storm of connections waits in the kernel, not in a refusal.
      this.#server.listen({ host, port, backlog: 8_192 }, () => {
        this.#server.removeListener('error', reject);
        resolve();
      });
    });
    this.#sweep = setInterval(() => this.#handleSweep(), SWEEP_MS);
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  /** To be called in the tick of the fork. */
  enrol(worker: Worker): void {
    this.#router.enrol(worker);
  }

  /** The worker can take clients. */
  open(worker: Worker): void {
    if (this.#gates.has(worker.id)) return;
    const lane = new Lane({
      send: (connection, onSent) => {
        this.#router.handOff(connection.socket, worker, connection.read, (error) => {
          if (error === null) this.#routing.delete(connection);
          onSent(error);
        });
      },
      // In a turn of its own: a send that fails at once must not keep the worker's end from being seen.
      onReturned: (connection) => setImmediate(() => this.#reroute(connection, worker)),
    });
    this.#gates.set(worker.id, { worker, lane, isOpen: true });
  }

  /** No new clients for this worker; its own sessions still find it. */
  retire(worker: Worker): void {
    const gate = this.#gates.get(worker.id);
    if (gate !== undefined) gate.isOpen = false;
  }

  /** The worker is gone: what it left half read ends, what had not left goes to another. */
  drop(worker: Worker): void {
    const gate = this.#gates.get(worker.id);
    if (gate === undefined) return;
    this.#gates.delete(worker.id);
    this.#router.forget(worker);
    this.#balance.forget(worker.id);
    this.#kept.drop(worker);
    for (const connection of gate.lane.close()) this.#route(connection);
  }

  /** Takes no more connections, and refuses those that have not said what they want. */
  stopAccepting(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#server.close();
    this.#heads.close(new Refusal(503, 'the server is going away'));
  }

  /** Ends whatever is left. */
  close(): void {
    this.stopAccepting();
    clearInterval(this.#sweep);
    this.#kept.close();
    for (const socket of this.#leaving.clear()) socket.destroy();
    for (const list of [this.#parked, this.#routing])
      for (const { socket } of list.clear()) if (!isGone(socket)) socket.destroy();
  }

  #handleConnection(socket: Socket): void {
    const now = performance.now();
    if (this.#isClosing) {
      socket.destroy();
      return;
    }
    if (!this.#admit(now)) {
      socket.removeAllListeners('data');
      this.#refuse(socket, new Refusal(503, 'too many new connections in this second'));
      return;
    }
    this.#heads.read(socket, now);
  }

  #admit(now: number): boolean {
    const { maxAcceptsPerSecond } = this.#limits;
    if (maxAcceptsPerSecond === 0) return true;
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#acceptedInSecond = 0;
    }
    this.#acceptedInSecond += 1;
    return this.#acceptedInSecond <= maxAcceptsPerSecond;
  }

  #handleHead(socket: Socket, read: Buffer, headBytes: number): void {
    let head: RequestHead;
    try {
      head = parseHead(read.toString('latin1', 0, headBytes - 4));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#refuse(socket, error);
      return;
    }
    const isSession = head.path.startsWith(SESSION_PATH);
    // Bytes behind a head without a body are another request: the answer to this one closes the
    // connection, and whoever pipelined sends the rest again. Behind an upgrade they belong to it.
    const hasMore = head.body.kind !== 'none' || head.isUpgrade;
    const connection: Connection = {
      socket,
      head,
      read: hasMore ? read : read.subarray(0, headBytes),
      headBytes,
      isHandshake: isSession && head.sid === undefined,
    };
    const isUnknown = isSession && head.sid !== undefined && this.#router.workerOf(head.sid) === undefined;
    if (isUnknown && this.#parked.size < this.#limits.maxWaiting)
      this.#parked.add(connection, performance.now());
    else this.#route(connection);
  }

  /** The report of a session may come after its client's next request. */
  #handleSession(sid: string, worker: Worker): void {
    this.#balance.opened(worker.id);
    if (this.#parked.size === 0) return;
    for (const connection of this.#parked.take(({ head }) => head.sid === sid)) this.#route(connection);
  }

  #route(connection: Connection): void {
    const { head, isHandshake } = connection;
    const now = performance.now();
    const gate = this.#gateFor(connection, now);
    if (gate === undefined) {
      this.#routing.delete(connection);
      this.#answerAlone(connection);
      return;
    }
    if (head.body.kind !== 'none') {
      this.#keep(connection, gate.worker, now);
      return;
    }
    if (isHandshake) this.#balance.assign(gate.worker.id, now);
    // Its time goes on when it is brought to another worker.
    if (!this.#routing.has(connection)) this.#routing.add(connection, now);
    gate.lane.add(connection, now);
  }

  /** Where the connection goes; undefined when no worker can serve it. */
  #gateFor({ head, isHandshake }: Connection, now: number): Gate | undefined {
    const owner =
      head.sid !== undefined && head.path.startsWith(SESSION_PATH)
        ? this.#router.workerOf(head.sid)
        : undefined;
    const own = owner && this.#gates.get(owner.id);
    // A worker whose channel has ended may live a while; each send to it fails in the same tick.
    if (own?.worker.isConnected() === true) return own;
    const ids = this.#candidates(now);
    const id = isHandshake ? this.#balance.least(ids, now) : this.#balance.next(ids);
    return id === undefined ? undefined : this.#gates.get(id);
  }

  /** Open gates; those that have stalled only where there is no other. */
  #candidates(now: number): number[] {
    const open = [...this.#gates.values()].filter(({ isOpen, worker }) => isOpen && worker.isConnected());
    const moving = open.filter(({ lane }) => lane.stalledMs(now) < this.#limits.stallMs);
    return (moving.length > 0 ? moving : open).map(({ worker }) => worker.id);
  }

  #keep({ socket, head, read, headBytes }: Connection, worker: Worker, now: number): void {
    // The oldest goes, which may be one whose body never comes: refusing would shut out everybody else.
    if (this.#kept.size >= this.#limits.maxKept) this.#kept.evict();
    try {
      const meter = new BodyMeter(head.body, this.#limits.maxBodyBytes);
      const bodyBytes = meter.take(read.subarray(headBytes));
      const first = read.subarray(0, headBytes + bodyBytes);
      const feed = this.#router.keep(socket, worker, first, (error) => {
        if (error !== null) socket.destroy();
      });
      this.#kept.add(socket, worker, meter, feed, now);
      socket.once('finish', () => this.#leaving.add(socket, performance.now()));
      socket.once('close', () => this.#leaving.delete(socket));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#refuse(socket, error);
    }
  }

  #reroute(connection: Connection, from: Worker): void {
    if (connection.isHandshake) this.#balance.unassign(from.id);
    this.#route(connection);
  }

  /** No worker can: the process itself lives, and that is all it can say. */
  #answerAlone({ socket, head }: Connection): void {
    const withoutBody = head.method === 'HEAD';
    if (head.path === '/healthz' && (head.method === 'GET' || withoutBody)) {
      this.#answer(socket, 200, { ok: true }, { withoutBody });
    } else if (head.path === '/readyz') {
      const reasons = ['no worker is ready'];
      this.#answer(socket, 503, { ready: false, reasons }, { retryAfterS: 1, withoutBody });
    } else {
      this.#refuse(socket, new Refusal(503, 'no worker is ready'), { withoutBody });
    }
  }

  #refuse(socket: Socket, { status, message }: Refusal, options: AnswerOptions = {}): void {
    this.#refused += 1;
    const retryAfterS = status === 503 ? 1 : undefined;
    this.#answer(socket, status, refusalBody(status, message), { retryAfterS, ...options });
  }

  #answer(socket: Socket, status: Status, body: object, options: AnswerOptions): void {
    if (isGone(socket)) return;
    socket.end(renderAnswer(status, body, options));
    // What still comes is read and dropped: closing over unread bytes would reset the answer away.
    socket.resume();
    this.#leaving.add(socket, performance.now());
    socket.once('close', () => this.#leaving.delete(socket));
  }

  #handleSweep(): void {
    const now = performance.now();
    this.#heads.expire(now);
    this.#kept.expire(now);
    for (const socket of this.#leaving.expire(now)) socket.destroy();
    for (const connection of this.#parked.expire(now)) this.#route(connection);
    for (const { socket } of this.#routing.expire(now))
      this.#refuse(socket, new Refusal(503, 'the worker took too long to take the connection'));
    for (const gate of this.#gates.values()) this.#relieve(gate, now);
  }

  /** Takes from a stalled worker what has not left and may go elsewhere. */
  #relieve({ worker, lane }: Gate, now: number): void {
    if (lane.stalledMs(now) < this.#limits.stallMs) return;
    const others = this.#candidates(now).filter((id) => id !== worker.id);
    if (others.length === 0) return;
    for (const connection of lane.takeBack(({ head }) => head.sid === undefined))
      this.#reroute(connection, worker);
  }
}
