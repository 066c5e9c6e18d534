/** What the handlers of one worker share: the chat's parts and the server's settings. */
import type { Adapter } from '../chat/adapter.ts';
import type { Committer } from '../chat/committer.ts';
import type { UserId } from '../chat/identity.ts';
import type { CursorWriter } from '../chat/cursor-writer.ts';
import type { Feeds } from '../chat/feeds.ts';
import type { Rate, RateLimit } from '../chat/rate-limit.ts';
import type { Session } from '../chat/session.ts';
import type { Sessions } from '../chat/sessions.ts';
import type { Store } from '../chat/store.ts';
import type { Limits } from '../protocol/limits.ts';
import type { Authenticator } from './auth.ts';

export interface EdgeSettings {
  readonly limits: Limits;
  /** Namespaces besides `/`: names, or patterns with `*`. */
  readonly namespaces: readonly string[];
  readonly rooms: 'open' | 'listed';
  readonly origins: readonly string[];
  readonly ratePosts: Rate | undefined;
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
  readonly adapter: Pick<Adapter, 'publish'>;
  readonly committer: Committer;
  readonly cursors: CursorWriter;
  readonly feeds: Feeds;
  readonly sessions: Sessions;
  readonly auth: Authenticator;
  readonly settings: EdgeSettings;
  readonly log: EdgeLog;
  readonly now: () => number;
  /** Tells this user's sockets, here and elsewhere, to compare their rooms with the index. */
  readonly tellOfIndex: (user: UserId) => void;
  /** This worker is going away: requests are refused, nobody new comes in. */
  readonly isDraining: () => boolean;
}

/** Whose request it is. */
export interface Caller {
  readonly session: Session;
  readonly posts: RateLimit | undefined;
  expiresAt: number | undefined;
}
