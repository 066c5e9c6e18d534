/**
 * Publishes without ever making anybody wait: bounded in flight, dropped when the connection
 * is down, never rejecting (TRAPS 3, 3.2). The log repairs what was dropped.
 */
export interface PublisherClient {
  readonly isReady: boolean;
  sPublish(channel: string, message: string): Promise<unknown>;
}

export interface BoundedPublisherOptions {
  /** Publishes that Redis has not answered. */
  readonly maxPending?: number | undefined;
  readonly maxPendingBytes?: number | undefined;
  readonly onDrop: (reason: unknown) => void;
}

export class BoundedPublisher {
  readonly #client: PublisherClient;
  readonly #maxPending: number;
  readonly #maxPendingBytes: number;
  readonly #onDrop: (reason: unknown) => void;
  #pending = 0;
  #pendingBytes = 0;

  constructor(
    client: PublisherClient,
    { maxPending = 10_000, maxPendingBytes = 67_108_864, onDrop }: BoundedPublisherOptions,
  ) {
    this.#client = client;
    this.#maxPending = maxPending;
    this.#maxPendingBytes = maxPendingBytes;
    this.#onDrop = onDrop;
  }

  /** The shape in which the official adapter calls it; resolves at once. */
  readonly sPublish = (channel: string, message: string): Promise<number> => {
    const bytes = message.length;
    if (!this.#client.isReady) this.#onDrop('not connected');
    else if (this.#pending >= this.#maxPending || this.#pendingBytes + bytes > this.#maxPendingBytes)
      this.#onDrop('too much in flight');
    else {
      this.#pending += 1;
      this.#pendingBytes += bytes;
      this.#client
        .sPublish(channel, message)
        .catch((error: unknown) => this.#onDrop(error))
        .finally(() => {
          this.#pending -= 1;
          this.#pendingBytes -= bytes;
        })
        .catch(this.#onDrop);
    }
    return Promise.resolve(0);
  };
}
