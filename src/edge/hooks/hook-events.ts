/**
 * What receivers are told beside logs: joins, and who is online. Best effort: an event that
 * cannot be sent now is tried a few times, and more than wait are dropped.
 */
export interface HookEventsOptions {
  readonly send: (id: string, event: object) => Promise<void>;
  readonly wait: (ms: number) => Promise<void>;
  readonly makeId: () => string;
  readonly onDrop: (error: unknown) => void;
}

export type HookEvent =
  | {
      readonly type: 'member.joined';
      readonly namespace: string;
      readonly room: string;
      readonly user: string;
    }
  | { readonly type: 'user.online' | 'user.offline'; readonly namespace: string; readonly user: string };

const MAX_WAITING = 1_000;
const TRIES = 3;
const AGAIN_MS = 1_000;
const AT_ONCE = 4;

export class HookEvents {
  readonly #options: HookEventsOptions;
  readonly #waiting: HookEvent[] = [];
  #sending = 0;

  constructor(options: HookEventsOptions) {
    this.#options = options;
  }

  tell(event: HookEvent): void {
    if (this.#waiting.length >= MAX_WAITING)
      return this.#options.onDrop(new Error(`${MAX_WAITING} events are waiting`));
    this.#waiting.push(event);
    if (this.#sending < AT_ONCE) void this.#run();
  }

  async #run(): Promise<void> {
    this.#sending += 1;
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift())
      await this.#send(event);
    this.#sending -= 1;
  }

  async #send(event: HookEvent): Promise<void> {
    const id = this.#options.makeId();
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#options.send(id, event);
      } catch (error) {
        if (tries >= TRIES) return this.#options.onDrop(error);
        await this.#options.wait(AGAIN_MS * tries);
      }
    }
  }
}
