/**
 * Whether Redis can be written to, and what an acknowledgement stands for.
 *
 * Looked at when the store opens, at every ping and after every reconnect: somebody may have
 * changed the configuration, or another server may answer now.
 */
import { StoreUnavailable } from '../../chat/store-unavailable.ts';
import type { Log } from '../../ops/log.ts';
import type { Durability } from '../../protocol/words.ts';
import { type Keys, slotOf } from './keys.ts';
import type { RedisLink } from './redis-link.ts';
import type { LivingCommit } from './room-steps.ts';
import { checkFormat, checkServer, RedisRefused, Warner } from './server-checks.ts';

/** How long replicas may take to confirm. */
const WAIT_MS = 1_000;

type Send = (command: readonly string[]) => Promise<unknown>;

/** As the scripts have it (room-prelude.ts). */
function lifeOf(info: string): string {
  const [run, replication] = [/run_id:(\w+)/, /master_replid:(\w+)/].map((part) => part.exec(info)?.[1]);
  return `${run}:${replication}`;
}

export class Health {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #waitReplicas: number;
  readonly #warner: Warner;
  #durability: Durability = 'memory';
  #isFormatSeen = false;

  constructor(
    link: RedisLink,
    keys: Keys,
    { waitReplicas, log }: { readonly waitReplicas: number; readonly log: Log | undefined },
  ) {
    this.#link = link;
    this.#keys = keys;
    this.#waitReplicas = waitReplicas;
    this.#warner = new Warner(log);
  }

  /** What was last seen; of several servers the weakest. */
  get durability(): Durability {
    return this.#durability;
  }

  /** Rejects with `RedisRefused` or `StoreUnavailable`. */
  async open(): Promise<void> {
    try {
      await this.#checkFormat();
    } catch (error) {
      // In a Cluster it may lie on a server that is down while the others serve their rooms.
      if (!(error instanceof StoreUnavailable) || !this.#link.isCluster) throw error;
    }
    await this.check();
  }

  /**
   * Resolves when it can write. In a Cluster one server that can is enough: the rooms of the
   * others fail by themselves. One that must not be used is a failure wherever it is.
   */
  async check(): Promise<void> {
    const outcomes = await this.#link.onEachNode(async (send, name) => {
      const key = this.#keys.ping(this.#link.isCluster ? this.#tagOn(name) : 'ping');
      const [state] = await Promise.all([checkServer(send, name), send(['SET', key, '1', 'PX', '60000'])]);
      return state;
    });
    let durability: Durability | undefined;
    let failure: unknown;
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') {
        this.#warner.say(outcome.value.warnings);
        if (durability !== 'memory') durability = outcome.value.durability;
      } else if (outcome.reason instanceof RedisRefused) failure = outcome.reason;
      else failure ??= outcome.reason;
    }
    if (durability !== undefined) this.#durability = durability;
    if (failure instanceof RedisRefused) {
      this.#durability = 'memory';
      throw failure;
    }
    if (durability === undefined) throw failure;
    if (!this.#isFormatSeen && failure === undefined) await this.#checkFormat();
    if (failure instanceof Error) this.#warner.say([`not every Redis can be written to: ${failure.message}`]);
  }

  async #checkFormat(): Promise<void> {
    const { format } = this.#keys;
    const send = (command: readonly string[]): Promise<unknown> => this.#link.send(format, command);
    await checkFormat(send, format, this.#link.connection.description);
    this.#isFormatSeen = true;
  }

  /** After a reconnect: until it is known, nothing is promised. */
  async refresh(): Promise<void> {
    this.#durability = 'memory';
    try {
      await this.check();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#warner.say([`Redis is back and cannot be used: ${reason}`]);
    }
  }

  /** For a commit that was answered: what it is by now, or will be. */
  durable(rooms: readonly (LivingCommit | StoreUnavailable)[]): Promise<Durability> {
    const durability = this.#durability;
    if (this.#waitReplicas === 0 || rooms.length === 0) return Promise.resolve(durability);
    return this.#replicated(rooms, durability);
  }

  async #replicated(
    rooms: readonly (LivingCommit | StoreUnavailable)[],
    otherwise: Durability,
  ): Promise<Durability> {
    const { connection, isCluster } = this.#link;
    const lives = new Map<string, Set<string>>();
    for (const written of rooms) {
      if (written instanceof StoreUnavailable || written.life === undefined) continue;
      const { room, life } = written;
      const name = connection.nodeNameOf(isCluster ? slotOf(this.#keys.room(room, 'meta')) : 0);
      lives.set(name, (lives.get(name) ?? new Set()).add(life));
    }
    try {
      const outcomes = await this.#link.onEachNode((send, name) =>
        this.#isConfirmed(send, lives.get(name) ?? new Set()),
      );
      if (outcomes.every((outcome) => outcome.status === 'fulfilled' && outcome.value)) return 'replicated';
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
    }
    this.#warner.say([`not ${this.#waitReplicas} replicas confirmed a commit within ${WAIT_MS} ms`]);
    return otherwise;
  }

  /**
   * Whether the server's replicas have all that it was given. Where it is not the one that wrote (it was
   * restarted, another was promoted, a slot is on its way to another) that says nothing.
   */
  async #isConfirmed(send: Send, lives: ReadonlySet<string>): Promise<boolean> {
    if (lives.size === 0) return true;
    const replicas = Number(await send(['WAIT', String(this.#waitReplicas), String(WAIT_MS)]));
    if (replicas < this.#waitReplicas) return false;
    const present = lifeOf(String(await send(['INFO', 'server', 'replication'])));
    return [...lives].every((life) => life === present);
  }

  /** A hash tag whose slot the server has. */
  #tagOn(name: string): string {
    for (let i = 0; i < 100_000; i += 1) {
      const tag = `ping-${i}`;
      if (this.#link.connection.nodeNameOf(slotOf(tag)) === name) return tag;
    }
    throw new StoreUnavailable(`Redis (${name}) serves no slot`);
  }
}
