/**
 * Read and unread: three devices of two users, equal to a model after any interleaving and a restart.
 *
 * What the devices do in a round is under way at once, each device one act after the other. The
 * replies say in which order it was stored, so the model knows after the round what must be.
 */
import fc from 'fast-check';
import type { RoomState } from '../../src/protocol/words.ts';
import { ChatClient, fresh } from '../support/client.ts';
import { ADAPTERS } from './core-3.ts';
import { openServer, type ServerHandle } from '../support/server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

const SIZES = { short: 15, long: 200 } as const;
const USERS = 2;
const DEVICES = 3;

export const people3: Scenario = {
  id: 'people-3',
  title: 'read and unread',
  shortS: 120,
  async run(size, report) {
    for (const adapter of ADAPTERS) await interleave(adapter, SIZES[size], report);
  },
};

type Action =
  | { readonly do: 'post' | 'edit'; readonly user: number; readonly device: number }
  | { readonly do: 'read'; readonly user: number; readonly device: number; readonly part: number }
  | { readonly do: 'leave'; readonly user: number; readonly device: number };

const who = { user: fc.nat(USERS - 1), device: fc.nat(DEVICES - 1) };
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('post' as const), ...who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('edit' as const), ...who }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), ...who, part: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), ...who }) },
);

const round = fc.array(action, { minLength: 1, maxLength: 10 });

/** What a room is, without a server. */
class Model {
  /** By seq less one; during a round with holes. */
  readonly entries: ({ readonly user: number; readonly isText: boolean } | undefined)[] = [];
  readonly read = [0, 0];

  append(seq: number, user: number, isText: boolean): void {
    if (this.entries[seq - 1] !== undefined) throw new Error(`seq ${seq} was given twice`);
    this.entries[seq - 1] = { user, isText };
  }

  /** The seq of a text of theirs that is known to be stored; 0: none is. */
  textOf(user: number): number {
    return this.entries.findIndex((entry) => entry?.isText === true && entry.user === user) + 1;
  }

  state(user: number): { readonly head: number; readonly read: number; readonly unread: number } {
    const read = this.read[user] ?? 0;
    const unread = this.entries
      .slice(read)
      .filter((entry) => entry?.isText === true && entry.user !== user).length;
    return { head: this.entries.length, read, unread };
  }
}

async function interleave(adapter: Adapter, runs: number, report: Report): Promise<void> {
  const hosts = adapter === 'redis' ? 2 : 1;
  await using server = await openServer({
    adapter,
    workers: 2,
    hosts,
    args: ['--rate-posts', '0', '--rate-connects', '0'],
  });
  const faults: string[] = [];
  let acts = 0;
  const rooms: { readonly room: string; readonly users: string[]; readonly model: Model }[] = [];
  await fc.assert(
    fc.asyncProperty(fc.array(round, { minLength: 2, maxLength: 8 }), async (acted) => {
      acts += acted.flat().length;
      rooms.push(await play(server, acted, faults));
    }),
    { numRuns: runs, endOnFailure: true },
  );
  await server.restart();
  for (const { room, users, model } of rooms.slice(-50))
    for (const [user, name] of users.entries()) {
      using client = await ChatClient.connect(server.urls[0] ?? '', { user: name, device: 'd0' });
      compare(client.welcome.rooms, room, model, user, 'after a restart', faults);
    }
  report.figure(`${adapter}: interleavings, acts`, `${runs}, ${acts}`);
  report.same(`${adapter}: states that differ from the model`, faults.slice(0, 5), []);
}

async function play(server: ServerHandle, rounds: readonly (readonly Action[])[], faults: string[]) {
  const room = fresh('room');
  const users = Array.from({ length: USERS }, () => fresh('u'));
  const model = new Model();
  const connect = (user: number, device: number): Promise<ChatClient> =>
    ChatClient.connect(server.urls[(user + device) % server.urls.length] ?? '', {
      user: users[user] ?? '',
      device: `d${device}`,
    });
  const clients = await Promise.all(
    users.map((_, user) =>
      Promise.all(Array.from({ length: DEVICES }, (__, device) => connect(user, device))),
    ),
  );
  const of = (user: number, device: number): ChatClient => {
    const client = clients[user]?.[device];
    if (client === undefined) throw new Error('nobody');
    return client;
  };
  for (let user = 0; user < USERS; user += 1) await of(user, 0).join(room);
  const act = async (next: Action): Promise<void> => {
    const client = of(next.user, next.device);
    const own = model.textOf(next.user);
    if (next.do === 'post' || (next.do === 'edit' && own === 0)) {
      model.append((await client.post(room, 'x')).seq, next.user, true);
    } else if (next.do === 'edit') {
      const edit = { room, id: fresh(), seq: own, text: 'y' };
      model.append((await client.ask<{ seq: number }>('message:edit', edit)).seq, next.user, false);
    } else if (next.do === 'read') {
      const seq = Math.round((model.entries.length * next.part) / 100);
      await client.ask('read', { room, seq });
      model.read[next.user] = Math.max(model.read[next.user] ?? 0, seq);
    } else {
      client.close();
      const all = clients[next.user];
      if (all !== undefined) all[next.device] = await connect(next.user, next.device);
    }
  };
  for (const actions of rounds) {
    const isOf = (device: number) => (next: Action) => next.user * DEVICES + next.device === device;
    await Promise.all(
      Array.from({ length: USERS * DEVICES }, async (_, device) => {
        for (const next of actions.filter(isOf(device))) await act(next);
      }),
    );
  }
  for (let user = 0; user < USERS; user += 1)
    for (let device = 0; device < DEVICES; device += 1) {
      const client = of(user, device);
      const { rooms } = await client.ask<{ rooms: RoomState[] }>('room:mine', {});
      compare(rooms, room, model, user, `on device ${device}`, faults);
      client.close();
    }
  return { room, users, model };
}

function compare(
  states: readonly RoomState[],
  room: string,
  model: Model,
  user: number,
  where: string,
  faults: string[],
): void {
  const state = states.find((one) => one.room === room);
  const seen = state && { head: state.head, read: state.read, unread: state.unread };
  const expected = model.state(user);
  if (JSON.stringify(seen) !== JSON.stringify(expected))
    faults.push(`${room} ${where}: ${JSON.stringify(seen)}, not ${JSON.stringify(expected)}`);
}
