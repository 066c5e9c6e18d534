/**
 * The wiring of one worker: store, adapter, chat and edge, and the work that comes round.
 *
 * Nothing is decided here; every rule is in chat/. Order of the start: store, adapter, then
 * the doors. Order of the end: doors, commits, adapter, store.
 */
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { setupWorker } from '@socket.io/sticky';
import type { Adapter, AdapterEvents, Notice } from '../chat/adapter.ts';
import { encodeBatch } from '../chat/batch.ts';
import { Committer } from '../chat/committer.ts';
import { CursorWriter } from '../chat/cursor-writer.ts';
import { DEFAULT_FEED_LIMITS } from '../chat/feed-context.ts';
import { Feeds } from '../chat/feeds.ts';
import { Gate } from '../chat/gate.ts';
import type { RoomId, UserId } from '../chat/identity.ts';
import { OrderWatch } from '../chat/orders.ts';
import { SendTurns } from '../chat/send-turns.ts';
import { Sessions } from '../chat/sessions.ts';
import { SharedLimits } from '../chat/shared-limits.ts';
import type { Store } from '../chat/store.ts';
import type { Batch } from '../chat/store-types.ts';
import type { WorkerConfig } from '../config/config.ts';
import { Authenticator } from '../edge/auth.ts';
import { Authorizer } from '../edge/authorize.ts';
import type { ChatContext } from '../edge/chat-context.ts';
import type { ChatHooks } from '../edge/chat-hooks.ts';
import { ChatServer } from '../edge/chat-server.ts';
import type { Connections } from '../edge/connection.ts';
import { EdgeLimits } from '../edge/edge-limits.ts';
import { encodeEvent, encodeMessages } from '../edge/wire-encoder.ts';
import type { WorkerMessage } from '../ops/ipc.ts';
import { createLog, type Log } from '../ops/log.ts';
import { rarely } from '../ops/rarely.ts';
import { Beat, pause } from './beat.ts';
import { edgeSettings } from './edge-settings.ts';
import { GatheredNotices } from './gathered-notices.ts';
import { Health } from './health.ts';
import { openAdapter } from './open-adapter.ts';
import { openStore } from './open-store.ts';
import { WorkerHooks } from './hooks.ts';
import { WorkerPresence } from './presence.ts';

const EXPIRE_MS = 250;
const LIMITS_MS = 500;
const ORDERS_MS = 250;
/** Users, rooms and addresses whose limits a worker has a part of. */
const MAX_LIMITED = 200_000;
const HEADS_NOTICE_MS = 500;
const CHECK_MS = 1_500;
const HEALTH_MS = 1_000;
const TELL_MS = 5_000;
/** Rooms in one notice of heads; the store's own heads cover the rest. */
/** Pages of history that are read at once. */
const HISTORY_PAGES = 4;
const MAX_NOTICE_HEADS = 1_000;

export interface WorkerOptions {
  readonly config: unknown;
  /** 0…workers-1; slot 0 does the chores of this server. */
  readonly slot: number;
  /** Which host and worker, for support. */
  readonly node: string;
  readonly tell: (message: WorkerMessage) => void;
  /** Only another process can go on. */
  readonly onPanic: (error: Error) => void;
  /** The application's, in this process. */
  readonly hooks?: ChatHooks | undefined;
  /** The application's own server, which listens by itself; without it connections come from the primary. */
  readonly http?: HttpServer | undefined;
}

export class Worker {
  readonly #config: WorkerConfig;
  readonly #log: Log;
  readonly #store: Store;
  readonly #adapter: Adapter;
  readonly #committer: Committer;
  readonly #feeds: Feeds;
  readonly #sessions: Sessions;
  readonly #server: ChatServer;
  readonly #connections: Connections;
  readonly #health: Health;
  readonly #presence: WorkerPresence;
  readonly #limits: SharedLimits;
  readonly #orders: OrderWatch;
  readonly #hooks: WorkerHooks;
  readonly #notices: GatheredNotices;
  readonly #beat = new Beat();
  readonly #turns: SendTurns;

  /** Rooms written here since the last notice of heads. */
  #written = new Map<RoomId, readonly [string, number]>();
  #isDraining = false;

  private constructor(
    store: Store,
    adapter: Adapter,
    log: Log,
    { config, slot, node, tell, hooks = {}, http }: WorkerOptions & { readonly config: WorkerConfig },
  ) {
    this.#config = config;
    this.#log = log;
    this.#store = store;
    this.#health = new Health((readiness) => {
      if (readiness.ready) log.info({}, 'ready to serve');
      else log.warn({ reasons: readiness.reasons }, 'not ready to serve');
    });
    const settings = edgeSettings(config, node);
    const onFault = (error: unknown): void => log.error({ error }, 'our fault');
    this.#turns = new SendTurns({
      defer: setImmediate,
      after: (ms, task) => void setTimeout(task, ms),
      now: () => performance.now(),
      onFault,
    });
    this.#server = new ChatServer(settings, {
      readiness: () => this.#health.readiness(performance.now()),
      onHeld: this.#turns.addLast,
      http,
    });
    this.#adapter = adapter;
    this.#orders = new OrderWatch(store, {
      now: () => performance.now(),
      after: (ms, task) => void setTimeout(task, ms).unref(),
      onOrder: (order) => this.#connections.obey(order),
      onGap: () => this.#connections.closeAll(),
    });
    this.#feeds = new Feeds(
      {
        store,
        encode: encodeMessages,
        encodeEvent,
        reads: new Gate(config.maxRepairs),
        isGood: this.#orders.isGood,
        whenGood: this.#orders.whenGood,
        inTurn: this.#turns.add,
        wait: (ms) => pause(ms, this.#beat.signal),
        limits: { ...DEFAULT_FEED_LIMITS, maxBatch: config.maxBatch, maxPageBytes: config.maxPageBytes },
        onFault,
      },
      this.#adapter,
      { maxFeeds: config.maxFeeds },
    );
    this.#limits = new SharedLimits(store, {
      now: () => performance.now(),
      defer: setImmediate,
      maxKeys: MAX_LIMITED,
      onFault,
    });
    this.#committer = new Committer(store, {
      maxQueued: config.maxQueuedPosts,
      maxQueuedBytes: config.maxQueuedBytes,
      defer: setImmediate,
      now: () => performance.now(),
      onBatch: (room, batch) => this.#handOn(room, batch),
      onFault,
    });
    this.#sessions = new Sessions(store, {
      onRoom: (session, state) => session.outlet.state(state),
      onFault,
    });
    this.#notices = new GatheredNotices(adapter, (ms, task) => void setTimeout(task, ms));
    this.#presence = new WorkerPresence({
      store,
      adapter,
      notices: this.#notices,
      feeds: this.#feeds,
      sessions: this.#sessions,
      config,
      onTurned: (user, isOnline) => this.#hooks.presence(user, isOnline),
      closeOldest: (user, device) => this.#connections.closeOldest(user, device),
      onFault,
    });
    this.#hooks = new WorkerHooks({ store, roll: this.#presence.roll, config, log });
    const [tellOfKeys, tellOfAsking] = [rarely(log, TELL_MS), rarely(log, TELL_MS)];
    const context: ChatContext = {
      store,
      committer: this.#committer,
      cursors: new CursorWriter(store),
      feeds: this.#feeds,
      sessions: this.#sessions,
      auth: Authenticator.open(config, (error) =>
        tellOfKeys({ error }, 'the keys of tokens cannot be fetched'),
      ),
      settings,
      hooks,
      limits: new EdgeLimits(this.#limits, settings.rates),
      authorizer: new Authorizer(
        config.authorize === undefined
          ? undefined
          : { url: config.authorize, secret: config.hookSecret ?? '' },
        {
          now: () => performance.now(),
          onFailure: (error) => tellOfAsking({ error }, 'the application cannot be asked (--authorize)'),
        },
      ),
      log,
      now: () => performance.now(),
      handOn: (room, batch) => this.#handOn(room, batch),
      tellRoom: (room, event, by) => this.#presence.tellRoom(room, event, by),
      roll: this.#presence.roll,
      board: this.#presence.board,
      tellOfIndex: this.#tellOfIndex,
      tellOfMembers: this.#tellOfMembers,
      tellOfJoin: (room, user) => this.#hooks.joined(room, user),
      pages: new Gate(HISTORY_PAGES),
      confirmed: this.#orders.confirmed,
      isDraining: () => this.#isDraining,
    };
    this.#connections = this.#server.serve(context);
    if (http === undefined) setupWorker(this.#server.io);
    this.#startBeat(slot, tell);
  }

  /** Rejects when the store or the keys cannot be opened; the error says why. */
  static async open(options: WorkerOptions): Promise<Worker> {
    // The primary made it from the same table; it crossed as it was.
    const config = options.config as WorkerConfig;
    const log = createLog({ level: config.logLevel, format: config.logFormat, name: options.node });
    // In a process of the application it is theirs.
    if (options.http === undefined)
      process.on('unhandledRejection', (error) =>
        log.error({ error }, 'a promise was rejected and nobody waited'),
      );
    const store = await openStore(config, log, options.onPanic);
    try {
      return await Worker.#openOn(store, log, { ...options, config });
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  static async #openOn(
    store: Store,
    log: Log,
    options: WorkerOptions & { readonly config: WorkerConfig },
  ): Promise<Worker> {
    const { config } = options;
    // What comes in before the worker is made is no loss: there are no feeds yet.
    const incoming: { to?: AdapterEvents } = {};
    const adapter = await openAdapter(
      config,
      {
        onBatch: (room, body) => incoming.to?.onBatch(room, body),
        onNotice: (notice) => incoming.to?.onNotice(notice),
        onReset: () => incoming.to?.onReset(),
      },
      log,
      options.http !== undefined,
    );
    try {
      const worker = new Worker(store, adapter, log, options);
      incoming.to = worker.#events;
      // Before anybody is here whom an order could be about; where it fails the beat goes on.
      await worker.#orders.look().catch(() => {});
      return worker;
    } catch (error) {
      await adapter.close();
      throw error;
    }
  }

  /** For the application's own server: answers what is the chat's; false: it is not. */
  get handle(): (request: IncomingMessage, response: ServerResponse) => boolean {
    return this.#server.handle;
  }

  /** Lets the clients go within `overMs`, finishes what was begun, closes everything. */
  async drain(reason: 'reload' | 'shutdown', overMs: number): Promise<void> {
    this.#isDraining = true;
    this.#log.info({ reason, sockets: this.#connections.size }, 'draining');
    await this.#connections.drain(reason, overMs, this.#config.reconnectSpread);
    await this.#committer.idle();
    // The last answers leave before the process does.
    await new Promise<void>((resolve) => this.#turns.addLast(resolve));
    await this.#beat.close();
    await this.#hooks.close();
    await this.#presence.roll
      .end()
      .catch((error: unknown) => this.#log.warn({ error }, 'the lease stays until it ends'));
    await this.#server.close();
    await this.#adapter.close();
    await this.#store.close();
  }

  #handOn(room: RoomId, batch: Batch): void {
    this.#feeds.offer(room, batch);
    this.#adapter.publish(room, encodeBatch(batch));
    this.#hooks.hear(room);
    if (batch.entries.some(({ system }) => system !== undefined)) this.#tellOfMembers(room);
    const last = batch.entries.at(-1);
    if (last === undefined) return;
    if (this.#written.size >= MAX_NOTICE_HEADS && !this.#written.has(room)) return;
    this.#written.set(room, [batch.epoch, last.seq]);
  }

  get #events(): AdapterEvents {
    return {
      onBatch: (room, body) => {
        if (!this.#presence.hear(room, body)) this.#feeds.offerText(room, body);
      },
      onNotice: (notice) => {
        if (notice.kind === 'heads')
          for (const [room, epoch, head] of notice.heads) {
            this.#feeds.hear(room, { epoch, head });
            this.#hooks.hear(room);
          }
        else if (notice.kind === 'changes') {
          for (const user of notice.index) this.#sessions.hint(user);
          for (const user of notice.presence) this.#presence.board.hint(user);
          for (const room of notice.members) this.#presence.board.hintRoom(room);
        } else this.#onCrowd(notice);
      },
      onReset: () => {
        this.#feeds.repairAll().catch((error: unknown) => this.#log.error({ error }, 'repair failed'));
      },
    };
  }

  #onCrowd({ user, device }: Extract<Notice, { kind: 'crowd' }>): void {
    this.#presence.onCrowd(user, device).catch((error: unknown) => {
      this.#log.warn({ error, user }, 'a user with too many connections was not looked at');
    });
  }

  #startBeat(slot: number, tell: (message: WorkerMessage) => void): void {
    const onFault = (error: unknown): void => {
      // Outages are told by the readiness; the next turn tries again.
      if (!(error instanceof Error) || error.name !== 'StoreUnavailable')
        this.#log.error({ error }, 'our fault');
    };
    const every = (ms: number, task: () => void | Promise<void>): void => this.#beat.every(ms, task, onFault);
    every(LIMITS_MS, () => this.#limits.tick());
    every(ORDERS_MS, () => this.#orders.look());
    every(EXPIRE_MS, () => this.#committer.expire(performance.now()));
    every(HEADS_NOTICE_MS, () => this.#sendHeads());
    every(CHECK_MS, () => this.#feeds.checkHeads());
    every(CHECK_MS, () => this.#sessions.checkVersions());
    every(HEALTH_MS, () => this.#connections.expire(Date.now()));
    every(HEALTH_MS, () => this.#examine('store', () => this.#store.ping()));
    every(HEALTH_MS, () => this.#examine('adapter', () => this.#adapter.probe()));
    every(HEALTH_MS, () => {
      const { ready, reasons } = this.#health.readiness(performance.now());
      tell({ chat: true, type: 'status', ready, reasons, sockets: this.#connections.size });
    });
    this.#presence.start(this.#beat, slot === 0, onFault);
    this.#hooks.start(this.#beat, onFault);
    const policy = retentionPolicy(this.#config);
    if (slot === 0 && policy !== undefined)
      every(this.#config.retainSweep, () => this.#store.retain(policy, this.#beat.signal));
  }

  async #examine(part: 'store' | 'adapter', look: () => Promise<void>): Promise<void> {
    try {
      await look();
      this.#health.passed(part, performance.now());
    } catch (error) {
      this.#health.failed(part, error, performance.now());
    }
  }

  readonly #tellOfIndex = (user: UserId): void => {
    this.#sessions.hint(user);
    this.#notices.index(user);
  };

  readonly #tellOfMembers = (room: RoomId): void => {
    this.#presence.board.hintRoom(room);
    this.#notices.members(room);
  };

  #sendHeads(): void {
    if (this.#written.size === 0) return;
    const heads = [...this.#written].map(([room, [epoch, head]]) => [room, epoch, head] as const);
    this.#written = new Map();
    this.#adapter.notify({ kind: 'heads', heads });
  }
}

function retentionPolicy({ retainDays, retainMessages, retainBytes, retainIds }: WorkerConfig) {
  if (retainDays === undefined && retainMessages === undefined && retainBytes === undefined) return undefined;
  return {
    maxAgeMs: retainDays === undefined ? undefined : retainDays * 86_400_000,
    maxMessages: retainMessages,
    maxBytes: retainBytes,
    idsMs: retainIds,
  };
}
