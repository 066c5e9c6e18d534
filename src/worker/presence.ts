/** The wiring of presence in one worker: its own users, whom its sockets watch, and who is typing. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Adapter } from '../chat/adapter.ts';
import type { Feeds } from '../chat/feeds.ts';
import { nameOf, type RoomId, type UserId } from '../chat/identity.ts';
import { oldestOf, socketsOf } from '../chat/presence.ts';
import { LOOK_MS, PresenceBoard } from '../chat/presence-board.ts';
import { PresenceRoll } from '../chat/presence-roll.ts';
import { decodeRoomEvent, encodeRoomEvent, isRoomEvent, type RoomEvent } from '../chat/room-event.ts';
import type { Session } from '../chat/session.ts';
import type { Sessions } from '../chat/sessions.ts';
import type { Store } from '../chat/store.ts';
import { Typing } from '../chat/typing.ts';
import type { WorkerConfig } from '../config/config.ts';
import type { Beat } from './beat.ts';
import type { GatheredNotices } from './gathered-notices.ts';

const WRITE_MS = 100;
const TYPING_TICK_MS = 250;
const SWEEP_MS = 10_000;
/** A lease that ended is swept when nobody can be within its grace time any more. */
const SWEEP_AFTER_MS = 60_000;
/** No answer of the store for so long: presence is unknown. */
const UNKNOWN_AFTER_MS = 3_000;
const AGAIN_MS = 3_000;
const MAX_TYPING = 10_000;
/** Within it other workers are told, and have written who is left: their beat writes three times. */
const COUNT_MS = 300;

export interface PresenceParts {
  readonly store: Store;
  readonly adapter: Pick<Adapter, 'publish' | 'notify'>;
  readonly notices: Pick<GatheredNotices, 'presence'>;
  /** A user is there who was nowhere, or nowhere any more; of a worker that was killed, when its lease is swept. */
  readonly onTurned: (user: UserId, isOnline: boolean) => void;
  readonly sessions: Sessions;
  /** Closes the user's oldest connection here that is not of this device. */
  readonly closeOldest: (user: UserId, device: string | undefined) => void;
  readonly onFault: (error: unknown) => void;
  readonly feeds: Feeds;
  readonly config: Pick<
    WorkerConfig,
    | 'presenceGrace'
    | 'presenceLease'
    | 'presenceCoalesce'
    | 'maxPresenceList'
    | 'maxSocketsPerUser'
    | 'maxWatchedPerSocket'
    | 'maxWatched'
  >;
}

export class WorkerPresence {
  readonly roll: PresenceRoll;
  readonly board: PresenceBoard;
  readonly #parts: PresenceParts;
  readonly #typing: Typing;
  /** Users whose connections are counted; `isAgain`: once more. */
  readonly #crowds = new Map<UserId, { isAgain: boolean; device: string | undefined }>();
  /** When somebody was written without waiting for the beat. */
  #wroteAt = Number.NEGATIVE_INFINITY;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
    const { store, notices, onTurned, feeds, config } = parts;
    const clocks = { now: () => performance.now(), wallNow: () => Date.now() };
    this.board = new PresenceBoard(store, {
      graceMs: config.presenceGrace,
      maxNamed: config.maxPresenceList,
      maxPerWatcher: config.maxWatchedPerSocket,
      maxWatched: config.maxWatched,
      unknownAfterMs: UNKNOWN_AFTER_MS,
      againMs: AGAIN_MS,
      ...clocks,
    });
    this.roll = new PresenceRoll(store, {
      graceMs: config.presenceGrace,
      leaseMs: config.presenceLease,
      onWritten: ({ user, record, isSeen, turned }) => {
        if (turned !== undefined) onTurned(user, turned === 'online');
        if (isSeen) {
          this.board.hint(user);
          notices.presence(user);
        }
        // Entries of workers that are gone count too, here; whoever is asked to close looks closer.
        let sockets = 0;
        for (const entry of record.entries.values()) sockets += entry.sockets;
        if (sockets > config.maxSocketsPerUser) this.#tellCrowd(user);
      },
      // Who comes is seen at once; of many who come together, those of a tenth of a second at a time.
      onDue: () => {
        if (performance.now() - this.#wroteAt < WRITE_MS) return;
        this.#wroteAt = performance.now();
        // What fails is tried again, and told of, by the beat.
        setImmediate(() => void this.roll.write().catch(() => {}));
      },
      ...clocks,
    });
    this.#typing = new Typing({
      maxTyping: MAX_TYPING,
      tell: (room, event) => feeds.pass(room, 'typing', event, ({ user }) => user === event.user),
      pass: (room, user, on) => parts.adapter.publish(room, encodeRoomEvent({ kind: 'typing', user, on })),
    });
  }

  /** `isChief`: of the workers of a server one does the chores. */
  start(beat: Beat, isChief: boolean, onFault: (error: unknown) => void): void {
    const { store, config, onTurned } = this.#parts;
    beat.every(WRITE_MS, () => this.roll.write(), onFault);
    beat.every(config.presenceLease / 4, () => this.roll.renew(), onFault);
    beat.every(LOOK_MS, () => this.board.look(), onFault);
    beat.every(config.presenceCoalesce, () => this.board.tell(), onFault);
    beat.every(TYPING_TICK_MS, () => this.#typing.tick(performance.now()), onFault);
    const forMs = config.presenceGrace + SWEEP_AFTER_MS;
    const onGone = (user: UserId): void => onTurned(user, false);
    if (isChief) beat.every(SWEEP_MS, () => store.sweepLeases(forMs, beat.signal, onGone), onFault);
  }

  /** To the room's members here and elsewhere; `by` is left out. */
  tellRoom(room: RoomId, event: RoomEvent, by?: Session): void {
    if (this.#onRoomEvent(room, event, true, by)) this.#parts.adapter.publish(room, encodeRoomEvent(event));
  }

  /** A user has too many connections: whoever has the oldest of them closes it, one after the other. */
  async onCrowd(user: UserId, device: string | undefined): Promise<void> {
    const known = this.#crowds.get(user);
    if (known !== undefined) return void Object.assign(known, { isAgain: true, device });
    const crowd = { isAgain: false, device };
    this.#crowds.set(user, crowd);
    try {
      this.roll.count(user);
      // Other workers say first who has left them a moment ago.
      await pause(COUNT_MS);
      do {
        crowd.isAgain = false;
        if (!(await this.#hasOldest(user))) continue;
        this.#parts.closeOldest(user, crowd.device);
        this.roll.count(user);
        await this.roll.settle();
      } while (crowd.isAgain);
    } finally {
      this.#crowds.delete(user);
    }
  }

  /** Whether there are too many, and this worker has the oldest. */
  async #hasOldest(user: UserId): Promise<boolean> {
    const { store, config } = this.#parts;
    if (this.roll.lease === undefined) return false;
    const [[record], leases] = await Promise.all([store.presence([user]), store.leases()]);
    return (
      record !== undefined &&
      record !== 'unknown' &&
      oldestOf(record, leases) === this.roll.lease &&
      socketsOf(record, leases) > config.maxSocketsPerUser
    );
  }

  #tellCrowd(user: UserId): void {
    const { adapter, sessions, onFault } = this.#parts;
    const device = [...sessions.of(user)].at(-1)?.device;
    adapter.notify({ kind: 'crowd', user, ...(device === undefined ? {} : { device }) });
    this.onCrowd(user, device).catch(onFault);
  }

  /** What another worker published; false: it is not for here, but a room's batch. */
  hear(room: RoomId, body: string): boolean {
    if (!isRoomEvent(body)) return false;
    const event = decodeRoomEvent(body);
    if (event !== undefined) this.#onRoomEvent(room, event, false);
    return true;
  }

  /** True: it is for other workers too, at once. */
  #onRoomEvent(room: RoomId, event: RoomEvent, isHere: boolean, by?: Session): boolean {
    const { feeds } = this.#parts;
    switch (event.kind) {
      case 'deleted':
        feeds.recheck(room);
        return true;
      case 'typing':
        this.#typing.heard(room, event.user, event.on, performance.now(), isHere);
        return false;
      case 'read': {
        const { user, seq } = event;
        feeds.pass(room, 'read', { room: nameOf(room), user, seq }, ({ outlet }) => outlet === by?.outlet);
        return true;
      }
    }
  }
}
