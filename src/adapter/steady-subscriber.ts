/**
 * Sharded subscriptions that end up as they were last asked for.
 *
 * The official adapter neither waits for nor catches its (un)subscribe commands, so a leave and
 * a join within one round trip leave a room silent, and a command in flight when the connection
 * breaks is lost (TRAPS 4, 5). Here each channel has what is wanted and what is so, and one
 * loop that goes on until they agree.
 */
export type MessageHandler = (message: Buffer, channel: Buffer) => void;

/** The part of a node-redis client that is used; single, Sentinel and Cluster have it. */
export interface SubscriberClient {
  sSubscribe(channel: string, handler: MessageHandler, bufferMode: true): Promise<unknown>;
  sUnsubscribe(channel: string, handler: MessageHandler, bufferMode: true): Promise<unknown>;
}

interface Channel {
  isWanted: boolean;
  isHad: boolean;
  isBusy: boolean;
  handler: MessageHandler;
}

const RETRY_MS = 50;
const RETRY_MAX_MS = 2_000;

export class SteadySubscriber {
  readonly #client: SubscriberClient;
  readonly #onRetry: (error: unknown, channel: string) => void;
  readonly #channels = new Map<string, Channel>();
  #isClosed = false;

  constructor(client: SubscriberClient, onRetry: (error: unknown, channel: string) => void) {
    this.#client = client;
    this.#onRetry = onRetry;
  }

  /** Channels that are wanted. */
  get size(): number {
    let wanted = 0;
    for (const { isWanted } of this.#channels.values()) if (isWanted) wanted += 1;
    return wanted;
  }

  /** The shape in which the official adapter calls it; resolves at once. */
  readonly sSubscribe = async (channels: string | string[], handler: MessageHandler): Promise<void> => {
    for (const name of [channels].flat()) this.#want(name, true, handler);
  };

  readonly sUnsubscribe = async (channels: string | string[]): Promise<void> => {
    for (const name of [channels].flat()) {
      const known = this.#channels.get(name);
      if (known !== undefined) this.#want(name, false, known.handler);
    }
  };

  close(): void {
    this.#isClosed = true;
  }

  #want(name: string, isWanted: boolean, handler: MessageHandler): void {
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = { isWanted, isHad: false, isBusy: false, handler };
      this.#channels.set(name, channel);
    }
    channel.isWanted = isWanted;
    if (!channel.isBusy) void this.#reconcile(name, channel);
  }

  async #reconcile(name: string, channel: Channel): Promise<void> {
    channel.isBusy = true;
    let waitMs = RETRY_MS;
    while (channel.isWanted !== channel.isHad && !this.#isClosed) {
      const { isWanted, handler } = channel;
      try {
        if (isWanted) await this.#client.sSubscribe(name, handler, true);
        else await this.#client.sUnsubscribe(name, handler, true);
        channel.isHad = isWanted;
        waitMs = RETRY_MS;
      } catch (error) {
        if (this.#isClosed) break;
        this.#onRetry(error, name);
        const pauseMs = waitMs;
        await new Promise<void>((resolve) => setTimeout(resolve, pauseMs).unref());
        waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
      }
    }
    channel.isBusy = false;
    if (!channel.isWanted && !channel.isHad) this.#channels.delete(name);
  }
}
