/**
 * The official Socket.IO adapters as a bus between workers: one adapter connection for all
 * namespaces (one per namespace leaks; TRAPS 2.8, 3.1).
 *
 * The adapter hangs on a Socket.IO server that has no HTTP server, so no client can ever reach
 * its namespace. A pseudo member `bus` stands for this worker's interest in a room; what comes
 * in is caught before the library would hand it to sockets. Nothing here throws or rejects.
 *
 * Relies on the shape of socket.io-adapter 2.5.8 (`onMessage`, `publish`); a test pins it.
 */
import { Server } from 'socket.io';
import { MessageType } from 'socket.io-adapter';
import type { Adapter, AdapterEvents, Notice } from '../chat/adapter.ts';
import type { RoomId } from '../chat/identity.ts';

/** A message as the adapters carry it between processes, as far as this file reads it. */
interface BusMessage {
  readonly uid?: unknown;
  readonly type?: unknown;
  readonly data?: { readonly packet?: { readonly data?: unknown } };
}

/** The part of an adapter that this file uses; `onMessage` is replaced by ours. */
interface OfficialAdapter {
  readonly uid: string;
  onMessage(message: BusMessage, offset?: string): void;
  publish(message: object): void;
  addAll(id: string, rooms: Set<string>): void;
  del(id: string, room: string): void;
  close(): unknown;
}

/** What `Server` takes as `adapter`: called with `new`. */
export type AdapterFactory = (namespace: never) => unknown;

export interface SocketBusOptions {
  readonly events: AdapterEvents;
  /** How messages leave; see `withFaults`. */
  readonly through: (send: () => void) => void;
  /** Whether what this worker sends comes back to it (Redis does, the primary does not). */
  readonly hasEcho: boolean;
  readonly onClose?: (() => Promise<void>) | undefined;
  readonly onFault: (error: unknown) => void;
  /** Without an echo: whether the way to the primary is open. */
  readonly isConnected?: (() => boolean) | undefined;
}

const MEMBER = 'bus';
const EVENT = 'b';
const PROBE = 'probe';
const PROBE_MS = 2_000;

/** The adapter's name of a room; one of 20 characters would be taken for a socket id (TRAPS 3.2). */
export function busRoom(room: string): string {
  const name = `r:${room}`;
  return name.length === 20 ? `${name}:` : name;
}

export class SocketBus implements Adapter {
  readonly #options: SocketBusOptions;
  readonly #official: OfficialAdapter;
  readonly #rooms = new Set<RoomId>();
  readonly #probes = new Set<() => void>();
  #closed: Promise<void> | undefined;

  constructor(factory: AdapterFactory, options: SocketBusOptions) {
    this.#options = options;
    // Socket.IO calls it with `new`, so it must be a function, not an arrow (TRAPS 4).
    const make = function (namespace: never): unknown {
      return factory(namespace);
    };
    const official: unknown = new Server({ adapter: make as never }).of('/').adapter;
    if (!isOfficialAdapter(official))
      throw new Error('socket.io-adapter has another shape than 2.5.8: onMessage or publish is missing');
    this.#official = official;
    const handle = official.onMessage.bind(official);
    official.onMessage = (message, offset) => {
      try {
        if (!this.#receive(message)) handle(message, offset);
      } catch (error) {
        options.onFault(error);
      }
    };
  }

  subscribe(room: RoomId): void {
    this.#rooms.add(room);
    this.#official.addAll(MEMBER, new Set([busRoom(room)]));
  }

  unsubscribe(room: RoomId): void {
    this.#rooms.delete(room);
    this.#official.del(MEMBER, busRoom(room));
  }

  publish(room: RoomId, body: string): void {
    this.#send([busRoom(room)], [EVENT, 'batch', room, body]);
  }

  notify(notice: Notice): void {
    this.#send([], [EVENT, 'notice', JSON.stringify(notice)]);
  }

  async probe(): Promise<void> {
    const { hasEcho, isConnected } = this.#options;
    if (!hasEcho) {
      if (isConnected?.() === false) throw new Error('the primary is gone');
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#probes.delete(back);
        reject(new Error(`what was sent did not come back within ${PROBE_MS} ms`));
      }, PROBE_MS);
      const back = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#probes.add(back);
      // Faults are not for probes: they would turn readiness red.
      this.#publish([], [EVENT, PROBE]);
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    for (const room of this.#rooms) this.unsubscribe(room);
    try {
      // The server has no HTTP server to close; the adapter says goodbye to the others.
      await this.#official.close();
    } catch (error) {
      this.#options.onFault(error);
    }
    await this.#options.onClose?.();
  }

  #send(rooms: readonly string[], data: readonly string[]): void {
    this.#options.through(() => this.#publish(rooms, data));
  }

  #publish(rooms: readonly string[], data: readonly string[]): void {
    if (this.#closed !== undefined) return;
    try {
      this.#official.publish({
        type: MessageType.BROADCAST,
        data: { packet: { type: 2, nsp: '/', data }, opts: { rooms, except: [], flags: {} } },
      });
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  #answerProbes(): void {
    for (const answer of this.#probes) answer();
    this.#probes.clear();
  }

  /** True: it was ours. */
  #receive(message: BusMessage): boolean {
    const data = message.data?.packet?.data;
    if (message.type !== MessageType.BROADCAST || !Array.isArray(data) || data[0] !== EVENT) return false;
    const [, kind, first, second] = data as readonly unknown[];
    if (message.uid === this.#official.uid) {
      if (kind === PROBE) this.#answerProbes();
      return true;
    }
    const { events } = this.#options;
    if (kind === 'batch' && typeof first === 'string' && typeof second === 'string') {
      if (this.#rooms.has(first as RoomId)) events.onBatch(first as RoomId, second);
    } else if (kind === 'notice' && typeof first === 'string') {
      const notice = parseNotice(first);
      if (notice !== undefined) events.onNotice(notice);
    }
    return true;
  }
}

function parseNotice(text: string): Notice | undefined {
  const notice: unknown = JSON.parse(text);
  if (typeof notice !== 'object' || notice === null || !('kind' in notice)) return undefined;
  if (notice.kind === 'changes' && areTexts(notice, ['index', 'presence', 'members']))
    return notice as Notice;
  if (notice.kind === 'crowd' && 'user' in notice && typeof notice.user === 'string') return notice as Notice;
  if (notice.kind === 'heads' && 'heads' in notice && Array.isArray(notice.heads)) return notice as Notice;
  return undefined;
}

function areTexts(notice: object, lists: readonly string[]): boolean {
  const all = notice as Readonly<Record<string, unknown>>;
  return lists.every((list) => {
    const value = all[list];
    return Array.isArray(value) && value.every((item) => typeof item === 'string');
  });
}

function isOfficialAdapter(value: unknown): value is OfficialAdapter {
  return (
    typeof value === 'object' &&
    value !== null &&
    'onMessage' in value &&
    'publish' in value &&
    'addAll' in value &&
    'uid' in value
  );
}
