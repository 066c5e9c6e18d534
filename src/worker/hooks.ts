/** The wiring of hooks: one worker of all has the role, and brings the logs to every receiver. */
import { randomBytes } from 'node:crypto';
import { nameOf, namespaceOf, type RoomId, type UserId } from '../chat/identity.ts';
import type { PresenceRoll } from '../chat/presence-roll.ts';
import type { Store } from '../chat/store.ts';
import type { WorkerConfig } from '../config/config.ts';
import { HookEvents } from '../edge/hooks/hook-events.ts';
import { HookRunner } from '../edge/hooks/hook-runner.ts';
import { hookId, sendHook } from '../edge/hooks/hook-sender.ts';
import type { Log } from '../ops/log.ts';
import { pause, type Beat } from './beat.ts';

const ROLE = 'hooks';
const CLAIM_MS = 2_000;
const SCAN_MS = 60_000;

export interface WorkerHooksParts {
  readonly store: Store;
  readonly roll: PresenceRoll;
  readonly config: Pick<WorkerConfig, 'hook' | 'hookSecret'>;
  readonly log: Log;
}

export class WorkerHooks {
  readonly #parts: WorkerHooksParts;
  readonly #events: readonly HookEvents[];
  #signal = new AbortController().signal;
  #onFault: (error: unknown) => void = () => {};
  #runners: readonly HookRunner[] = [];
  /** Ends the runners of the role that this worker has; undefined: it has not. */
  #duty: AbortController | undefined;

  constructor(parts: WorkerHooksParts) {
    this.#parts = parts;
    this.#events = parts.config.hook.map(
      (url) =>
        new HookEvents({
          send: (id, event) => sendHook(this.#target(url), id, event, this.#signal),
          wait: (ms) => pause(ms, this.#signal),
          makeId: () => randomBytes(12).toString('hex'),
          onDrop: (error) => parts.log.warn({ error, hook: nameOfHook(url) }, 'an event was not told'),
        }),
    );
  }

  start(beat: Beat, onFault: (error: unknown) => void): void {
    if (this.#events.length === 0) return;
    this.#signal = beat.signal;
    beat.every(CLAIM_MS, () => this.#claim(), onFault);
    this.#onFault = onFault;
    beat.every(SCAN_MS, () => this.#scan(), onFault);
  }

  /** Something was stored in this room, here or elsewhere. */
  hear(room: RoomId): void {
    for (const runner of this.#runners) runner.hear(room);
  }

  joined(room: RoomId, user: string): void {
    const event = { type: 'member.joined', namespace: namespaceOf(room), room: nameOf(room), user } as const;
    for (const events of this.#events) events.tell(event);
  }

  presence(user: UserId, isOnline: boolean): void {
    const type = isOnline ? 'user.online' : 'user.offline';
    for (const events of this.#events)
      events.tell({ type, namespace: namespaceOf(user), user: nameOf(user) });
  }

  async close(): Promise<void> {
    this.#duty?.abort();
    await Promise.all(this.#runners.map((runner) => runner.close()));
  }

  async #claim(): Promise<void> {
    const { store, roll, log } = this.#parts;
    const isMine = await store.claimRole(ROLE, await roll.open());
    if (isMine === (this.#duty !== undefined)) return;
    if (!isMine) {
      this.#duty?.abort();
      this.#duty = undefined;
      this.#runners = [];
      return;
    }
    const duty = new AbortController();
    const signal = AbortSignal.any([duty.signal, this.#signal]);
    const runners = this.#parts.config.hook.map(
      (url) =>
        new HookRunner(store, {
          hook: hookId(url),
          send: (id, event) => sendHook(this.#target(url), id, event, signal),
          wait: (ms) => pause(ms, signal),
          signal,
          onFailure: (error, againInMs, room) =>
            log.warn(
              { error, hook: nameOfHook(url), againInMs, room },
              'a receiver did not take its entries',
            ),
        }),
    );
    await Promise.all(runners.map((runner) => runner.open()));
    this.#duty = duty;
    this.#runners = runners;
    log.info({}, 'this worker brings the logs to the hooks');
    this.#scan();
  }

  /** Each by itself: a receiver that is down holds up its own look alone. */
  #scan(): void {
    for (const runner of this.#runners) runner.scan().catch(this.#onFault);
  }

  #target(url: string): { readonly url: string; readonly secret: string } {
    return { url, secret: this.#parts.config.hookSecret ?? '' };
  }
}

/** Without what may be a secret in it. */
function nameOfHook(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'a hook';
}
