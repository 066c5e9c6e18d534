/**
 * Sameness: random scripts of actions are run on cluster and on redis; what the clients can see
 * is the same. The seed of a script that differs is printed; `SHOW_SEED=n` replays it alone.
 */
import fc from 'fast-check';
import type { Lost, Message, RoomState } from '../../src/protocol/words.ts';
import { ChatClient, RefusedError, until } from '../support/client.ts';
import { openServer, type ServerHandle } from '../support/server-handle.ts';
import type { Scenario } from './scenario.ts';

const SIZES = { short: 12, long: 500 } as const;
const USERS = ['ada', 'bob', 'cleo'] as const;
const DEVICES = ['phone', 'tablet'] as const;

type Action =
  | { readonly do: 'connect'; readonly who: number }
  | { readonly do: 'drop'; readonly who: number }
  | Request
  | { readonly do: 'restart' };

type Request =
  | {
      readonly do: 'join' | 'leave' | 'create' | 'history' | 'members' | 'delivered' | 'read' | 'mine';
      readonly who: number;
      readonly room: number;
    }
  | { readonly do: 'post'; readonly who: number; readonly room: number; readonly id: number };

const who = fc.nat({ max: USERS.length * DEVICES.length - 1 });
const room = fc.nat({ max: 2 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('connect' as const), who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drop' as const), who }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('join' as const), who, room }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('leave' as const, 'create' as const, 'members' as const, 'mine' as const),
      who,
      room,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('history' as const, 'delivered' as const, 'read' as const),
      who,
      room,
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('post' as const), who, room, id: fc.nat({ max: 30 }) }),
  },
);

export const core12: Scenario = {
  id: 'core-12',
  title: 'sameness: one script, two adapters, one history',
  shortS: 180,
  async run(size, report) {
    const replay = process.env['SHOW_SEED'];
    const first = replay === undefined ? Math.floor(Math.random() * 1e9) : Number(replay);
    const scripts = replay === undefined ? SIZES[size] : 1;
    await using cluster = await openServer({ adapter: 'cluster', workers: 2 });
    await using redis = await openServer({ adapter: 'redis', workers: 2 });
    let actions = 0;
    for (let i = 0; i < scripts; i += 1) {
      const seed = first + i;
      const [script = []] = fc.sample(fc.array(action, { minLength: 20, maxLength: 45 }), {
        numRuns: 1,
        seed,
      });
      const withRestart: Action[] =
        i % 10 === 9 ? [...script.slice(0, 20), { do: 'restart' }, ...script.slice(20)] : script;
      actions += withRestart.length;
      const [a, b] = await Promise.all([play(cluster, seed, withRestart), play(redis, seed, withRestart)]);
      const at = a.findIndex((line, k) => line !== b[k]);
      report.claim(
        `script of seed ${seed}`,
        at < 0 && a.length === b.length,
        `step ${at}: cluster ${a[at]}; redis ${b[at]} (replay with SHOW_SEED=${seed})`,
      );
    }
    report.figure('scripts, the same on both', scripts - report.failures.length);
    report.figure('actions', actions);
    report.figure('first seed', first);
  },
};

/** Plays a script, each action to its end; returns what could be seen, without what must differ. */
async function play(server: ServerHandle, seed: number, script: readonly Action[]): Promise<string[]> {
  const scene = new Scene(server, seed);
  const seen: string[] = [];
  for (const step of script) seen.push(`${JSON.stringify(step)} → ${await scene.act(step)}`);
  seen.push(...scene.end());
  return seen;
}

class Scene {
  readonly #server: ServerHandle;
  readonly #seed: number;
  readonly #clients = new Map<number, ChatClient>();
  readonly #epochs = new Map<string, string>();
  /** room → newest seq that anybody was told of */
  readonly #heads = new Map<string, number>();
  /** user → rooms of theirs: each of their clients is told of them in its own time. */
  readonly #rooms = new Map<string, Set<string>>();

  constructor(server: ServerHandle, seed: number) {
    this.#server = server;
    this.#seed = seed;
  }

  async act(step: Action): Promise<string> {
    if (step.do === 'restart') {
      for (const client of this.#clients.values()) client.close();
      this.#clients.clear();
      await this.#server.restart();
      return 'restarted';
    }
    const client = this.#clients.get(step.who);
    if (step.do === 'connect') return client === undefined ? this.#connect(step.who) : 'is connected';
    if (client === undefined) return 'is away';
    if (step.do === 'drop') {
      client.close();
      this.#clients.delete(step.who);
      return 'dropped';
    }
    return this.#ask(client, step);
  }

  /** What every client that is still there was handed. */
  end(): string[] {
    const lines = [...this.#clients]
      .toSorted(([a], [b]) => a - b)
      .map(([who, client]) => `${who} saw ${this.#all(client)}`);
    for (const client of this.#clients.values()) client.close();
    return lines;
  }

  async #connect(who: number): Promise<string> {
    const user = `${USERS[who % USERS.length]}-${this.#seed}`;
    const device = DEVICES[Math.floor(who / USERS.length)] ?? 'phone';
    const client = await ChatClient.connect(this.#server.urls[0] ?? '', { user, device });
    this.#clients.set(who, client);
    await this.#quiet();
    const rooms = client.welcome.rooms
      .toSorted((a, b) => (a.room < b.room ? -1 : 1))
      .map((state) => this.#state(state));
    return JSON.stringify(rooms);
  }

  async #ask(client: ChatClient, step: Request): Promise<string> {
    const room = `room-${this.#seed}-${step.room}`;
    const position = client.follower.position(room);
    const requests = {
      join: ['room:join', { room }],
      leave: ['room:leave', { room }],
      create: ['room:create', { room, kind: 'public', title: 'a title' }],
      history: ['history', { room, limit: 7 }],
      members: ['room:members', { room }],
      mine: ['room:mine', {}],
      delivered: ['delivered', { positions: position === undefined ? {} : { [room]: position } }],
      read: ['read', { room, seq: position?.seq ?? 0 }],
      post: ['message:post', { room, id: `m${step.do === 'post' ? step.id : 0}`, text: 'hello' }],
    } as const;
    const [event, object] = requests[step.do];
    let reply: string;
    try {
      reply = this.#shown(await client.ask<Record<string, unknown>>(event, object));
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      reply = error.body.code;
    }
    if (step.do === 'leave' && reply.startsWith('{')) client.follower.stop(room);
    this.#note(client.user, step.do, room, reply);
    await this.#quiet();
    return reply;
  }

  #note(user: string, action: Request['do'], room: string, reply: string): void {
    if (!reply.startsWith('{')) return;
    const own = this.#rooms.get(user) ?? new Set();
    this.#rooms.set(user, own);
    if (action === 'join' || action === 'create') own.add(room);
    if (action === 'leave') own.delete(room);
  }

  /** Every client has its user's rooms, no others, and of them everything that anybody was told of. */
  async #quiet(): Promise<void> {
    for (const client of this.#clients.values()) {
      const own = this.#rooms.get(client.user) ?? new Set();
      for (const room of [0, 1, 2].map((n) => `room-${this.#seed}-${n}`)) {
        const head = this.#heads.get(room) ?? 0;
        const isQuiet = (): boolean => {
          const position = client.follower.position(room);
          return own.has(room) ? position !== undefined && position.seq >= head : position === undefined;
        };
        await until(
          isQuiet,
          10_000,
          () =>
            `${client.user} is at ${JSON.stringify(client.follower.position(room))} of ${room}, not at ${own.has(room) ? head : 'none'}`,
        );
      }
    }
  }

  #shown(reply: Record<string, unknown>): string {
    if (typeof reply['room'] === 'string' && typeof reply['seq'] === 'number')
      this.#heads.set(reply['room'], Math.max(this.#heads.get(reply['room']) ?? 0, reply['seq']));
    // A room that another device just joined comes by itself; the reply has `from` only where it came first.
    const { from: _from, ...rest } = reply;
    return JSON.stringify(this.#plain(rest));
  }

  #state(state: RoomState): unknown {
    return this.#plain(state);
  }

  /** Times, durability and the names of epochs differ and may; epochs are numbered as they come. */
  #plain(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#plain(item));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).filter(
      ([key]) => key !== 'at' && key !== 'durability' && key !== 'cursor',
    );
    const isSystem = 'kind' in value && value.kind === 'system';
    return Object.fromEntries(
      entries
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, item]) => [
          key,
          key === 'epoch'
            ? this.#epoch(String(item))
            : isSystem && key === 'id'
              ? 'system'
              : this.#plain(item),
        ]),
    );
  }

  #epoch(name: string): string {
    const known = this.#epochs.get(name);
    if (known !== undefined) return known;
    const number = `e${this.#epochs.size}`;
    this.#epochs.set(name, number);
    return number;
  }

  #all(client: ChatClient): string {
    const rooms = [...client.follower.messages].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const messages = rooms.map(([name, all]) => [
      name,
      all.map(({ seq, from, text }: Message) => `${seq} ${from} ${text}`),
    ]);
    const losts = client.follower.losts.map(({ from, to, reason }: Lost) => `${reason} ${from}-${to}`);
    return JSON.stringify([messages, losts, client.follower.faults]);
  }
}
