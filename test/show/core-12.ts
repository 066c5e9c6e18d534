/**
 * Sameness: random scripts of actions are run on cluster and on redis; what the clients can see
 * is the same. The seed of a script that differs is printed; `SHOW_SEED=n` replays it alone.
 */
import fc from 'fast-check';
import type { Lost, Position, RoomState } from '../../src/protocol/words.ts';
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
      readonly do:
        | 'join'
        | 'leave'
        | 'create'
        | 'found'
        | 'close'
        | 'history'
        | 'members'
        | 'delivered'
        | 'read'
        | 'mine';
      readonly who: number;
      readonly room: number;
    }
  | { readonly do: 'post'; readonly who: number; readonly room: number; readonly id: number }
  /** About another user, or oneself. */
  | {
      readonly do: keyof typeof ABOUT_USERS;
      readonly who: number;
      readonly room: number;
      readonly whom: number;
    }
  /** About a message. */
  | {
      readonly do: 'edit' | 'delete' | 'react' | 'unreact';
      readonly who: number;
      readonly room: number;
      readonly id: number;
      readonly seq: number;
    };

/** Not over while this can run. */
const MUTED_UNTIL = 4_000_000_000_000;
const ABOUT_USERS = {
  invite: ['member:set', { role: 'member' }],
  promote: ['member:set', { role: 'admin' }],
  crown: ['member:set', { role: 'owner' }],
  mute: ['member:set', { mutedUntil: MUTED_UNTIL }],
  unmute: ['member:set', { mutedUntil: 0 }],
  ban: ['member:set', { banned: true }],
  pardon: ['member:set', { banned: false }],
  kick: ['member:remove', {}],
  dm: ['dm:open', {}],
  block: ['user:block', { on: true }],
  unblock: ['user:block', { on: false }],
} as const;
/** Whoever it is about is a member afterwards, or none. */
const MEMBERSHIP: { readonly [D in Request['do']]?: boolean } = {
  join: true,
  create: true,
  found: true,
  leave: false,
  invite: true,
  promote: true,
  crown: true,
  kick: false,
  ban: false,
};

const who = fc.nat({ max: USERS.length * DEVICES.length - 1 });
const user = fc.nat({ max: USERS.length - 1 });
const room = fc.nat({ max: 2 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('connect' as const), who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drop' as const), who }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('join' as const), who, room }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('leave', 'create', 'members', 'mine'),
      who,
      room,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('found', 'close'), who, room }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom(...typedKeys(ABOUT_USERS)), who, room, whom: user }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('edit', 'delete', 'react', 'unreact'),
      who,
      room,
      id: fc.nat({ max: 30 }),
      seq: fc.integer({ min: 1, max: 12 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('history', 'delivered', 'read'),
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
    const user = this.#user(who);
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
    const [event, object] = requestOf(step, room, position, (whom) => this.#user(whom));
    let reply: string;
    try {
      reply = this.#shown(room, await client.ask<Record<string, unknown>>(event, object));
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      reply = error.body.code;
    }
    if (step.do === 'leave' && reply.startsWith('{')) client.follower.stop(room);
    this.#note(client.user, step, room, reply);
    await this.#quiet();
    return reply;
  }

  /** Who is a member now. */
  #note(user: string, step: Request, room: string, reply: string): void {
    if (!reply.startsWith('{')) return;
    const isMember = MEMBERSHIP[step.do];
    if (isMember === undefined) return;
    const whose = 'whom' in step ? this.#user(step.whom) : user;
    const own = this.#rooms.get(whose) ?? new Set();
    this.#rooms.set(whose, own);
    if (isMember) own.add(room);
    else own.delete(room);
  }

  #user(n: number): string {
    return `${USERS[n % USERS.length]}-${this.#seed}`;
  }

  /** Every client has its user's rooms, no others, and of them everything that anybody was told of. */
  async #quiet(): Promise<void> {
    for (const client of this.#clients.values()) {
      const own = this.#rooms.get(client.user) ?? new Set();
      for (const room of this.#names) {
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

  #shown(room: string, reply: Record<string, unknown>): string {
    const { room: named = room, seq } = reply;
    if (typeof named === 'string' && typeof seq === 'number')
      this.#heads.set(named, Math.max(this.#heads.get(named) ?? 0, seq));
    // A room that another device just joined comes by itself; the reply has `from` only where it came first.
    const { from: _from, ...rest } = reply;
    return JSON.stringify(this.#plain(rest));
  }

  /** Direct rooms, in which nobody says anything, are looked at by `mine` alone. */
  get #names(): string[] {
    return [0, 1, 2].map((n) => `room-${this.#seed}-${n}`);
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
    const messages = this.#names.map((name) => [
      name,
      client.messages(name).map((message) => this.#plain(message)),
    ]);
    const losts = client.follower.losts.map(({ from, to, reason }: Lost) => `${reason} ${from}-${to}`);
    return JSON.stringify([messages, losts, client.follower.faults]);
  }
}

function requestOf(
  step: Request,
  room: string,
  position: Position | undefined,
  userOf: (whom: number) => string,
): readonly [event: string, object: object] {
  if ('whom' in step) {
    const [event, fields] = ABOUT_USERS[step.do];
    const about = { user: userOf(step.whom), ...fields };
    return [event, event.startsWith('member') ? { room, ...about } : about];
  }
  if ('seq' in step) {
    const { seq } = step;
    const about = { room, id: `m${step.id}`, seq };
    switch (step.do) {
      case 'edit':
        return ['message:edit', { ...about, text: 'edited' }];
      case 'delete':
        return ['message:delete', about];
      case 'react':
      case 'unreact':
        return ['message:react', { ...about, emoji: '🍵', on: step.do === 'react' }];
    }
  }
  switch (step.do) {
    case 'join':
      return ['room:join', { room }];
    case 'leave':
      return ['room:leave', { room }];
    case 'create':
      return ['room:create', { room, kind: 'public', title: 'a title' }];
    case 'found':
      return ['room:create', { room, kind: 'private' }];
    case 'close':
      return ['room:set', { room, kind: 'private', title: 'closed' }];
    case 'history':
      return ['history', { room, limit: 7 }];
    case 'members':
      return ['room:members', { room }];
    case 'mine':
      return ['room:mine', {}];
    case 'delivered':
      return ['delivered', { positions: position === undefined ? {} : { [room]: position } }];
    case 'read':
      return ['read', { room, seq: position?.seq ?? 0 }];
    case 'post':
      return ['message:post', { room, id: `m${step.id}`, text: 'hello' }];
  }
}

function typedKeys<O extends object>(object: O): (keyof O)[] {
  return Object.keys(object) as (keyof O)[];
}
