/** What the handlers of one worker share: the chat's parts and the server's settings. */
import type { Gate } from '../chat/gate.ts';
import type { Committer } from '../chat/committer.ts';
import type { RoomId, UserId } from '../chat/identity.ts';
import type { CursorWriter } from '../chat/cursor-writer.ts';
import type { Feeds } from '../chat/feeds.ts';
import type { PresenceBoard } from '../chat/presence-board.ts';
import type { PresenceRoll } from '../chat/presence-roll.ts';
import type { RoomEvent } from '../chat/room-event.ts';
import type { Session } from '../chat/session.ts';
import type { Sessions } from '../chat/sessions.ts';
import type { Store } from '../chat/store.ts';
import type { Batch } from '../chat/store-types.ts';
import type { Limits } from '../protocol/limits.ts';
import type { ApiSettings } from './api/api.ts';
import type { Authenticator } from './auth.ts';
import type { Authorizer } from './authorize.ts';
import type { ChatHooks } from './chat-hooks.ts';
import type { EdgeLimits, Rates } from './edge-limits.ts';

export interface EdgeSettings {
  readonly limits: Limits;
  /** Namespaces besides `/`: names, or patterns with `*`. */
  readonly namespaces: readonly string[];
  readonly rooms: 'open' | 'listed';
  readonly origins: readonly string[];
  readonly maxSanctionsPerRoom: number;
  readonly maxBlocksPerUser: number;
  readonly rates: Rates;
  readonly presenceGraceMs: number;
  readonly api: ApiSettings;
  /** Proxies in front whose word on a client's address is taken. */
  readonly trustProxy: number;
  readonly maxBufferedBytes: number;
  readonly maxSocketBytes: number;
  readonly maxConnections: number;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** What `welcome` tells of this server. */
  readonly server: { readonly version: string; readonly adapter: string; readonly node: string };
}

export interface EdgeLog {
  info(event: object, message: string): void;
  warn(event: object, message: string): void;
  error(event: object, message: string): void;
}

export interface ChatContext {
  readonly store: Store;
  readonly committer: Committer;
  readonly cursors: CursorWriter;
  readonly feeds: Feeds;
  readonly sessions: Sessions;
  readonly auth: Authenticator;
  readonly settings: EdgeSettings;
  readonly limits: EdgeLimits;
  readonly authorizer: Authorizer;
  /** The application's, in this process. */
  readonly hooks: ChatHooks;
  readonly log: EdgeLog;
  readonly now: () => number;
  /** New entries of a room: to its members here and to the other workers. */
  readonly handOn: (room: RoomId, batch: Batch) => void;
  /** To the room's members here and elsewhere, beside its log. */
  readonly tellRoom: (room: RoomId, event: RoomEvent, by?: Session) => void;
  /** This worker's users, and whom its sockets watch. */
  readonly roll: PresenceRoll;
  readonly board: PresenceBoard;
  /** Tells this user's sockets, here and elsewhere, to compare their rooms with the index. */
  readonly tellOfIndex: (user: UserId) => void;
  /** Tells those who watch the room, here and elsewhere, that its members are others. */
  readonly tellOfMembers: (room: RoomId) => void;
  /** Tells the application's receivers of somebody who became a member without an entry that says so. */
  readonly tellOfJoin: (room: RoomId, user: string) => void;
  /** Pages of history that are read at once. */
  readonly pages: Gate;
  /** Undefined: entries may be handed on. Else resolves when they may; rejects when that is not known. */
  readonly confirmed: () => Promise<void> | undefined;
  /** This worker is going away: requests are refused, nobody new comes in. */
  readonly isDraining: () => boolean;
}

/** Whose request it is. */
export interface Caller {
  readonly session: Session;
  expiresAt: number | undefined;
  issuedAt: number | undefined;
}
