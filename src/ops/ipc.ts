/**
 * Every message between primary and workers, besides those of the libraries (which have a
 * `source` or a `type` beginning with `sticky:`). All carry `chat: true`.
 *
 * A worker speaks first: what reaches it before its first `message` listener is dropped by
 * Node (TRAPS 1.2), so the primary only answers `hello`.
 */

/** From a worker. */
export type WorkerMessage =
  /** Alive and listening for messages. */
  | { readonly chat: true; readonly type: 'hello' }
  /** Can take clients. */
  | { readonly chat: true; readonly type: 'ready' }
  /** Cannot start: the reason for a person, and the exit code that fits it. */
  | { readonly chat: true; readonly type: 'failed'; readonly message: string; readonly exitCode: number }
  | { readonly chat: true; readonly type: 'pong'; readonly at: number }
  /** How it is; once a second. */
  | {
      readonly chat: true;
      readonly type: 'status';
      readonly ready: boolean;
      readonly reasons: readonly string[];
      readonly sockets: number;
    };

/** To a worker. */
export type PrimaryMessage =
  /** The answer to `hello`. `slot`: 0…workers-1, kept across restarts; slot 0 does the chores. */
  | {
      readonly chat: true;
      readonly type: 'begin';
      readonly config: unknown;
      readonly slot: number;
      readonly node: string;
    }
  | { readonly chat: true; readonly type: 'ping'; readonly at: number }
  /** Finish: tell clients `closing`, let them go within `overMs`, finish commits, exit 0. */
  | {
      readonly chat: true;
      readonly type: 'drain';
      readonly reason: 'reload' | 'shutdown';
      readonly overMs: number;
    };

export function isWorkerMessage(message: unknown): message is WorkerMessage {
  return typeof message === 'object' && message !== null && 'chat' in message && message.chat === true;
}

export function isPrimaryMessage(message: unknown): message is PrimaryMessage {
  return typeof message === 'object' && message !== null && 'chat' in message && message.chat === true;
}
