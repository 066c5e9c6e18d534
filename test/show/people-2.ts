/** Rights: a ban in a race with posts, resumption and history (G14). */
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Message } from '../../src/protocol/words.ts';
import { ChatClient, fresh } from '../support/client.ts';
import { signalTo } from '../support/server.ts';
import { ADAPTERS } from './core-3.ts';
import { openServer } from '../support/server-handle.ts';
import type { Adapter, Report, Scenario } from './scenario.ts';

const SIZES = { short: 200, long: 10_000 } as const;
/** Rounds at once, each with people of its own. */
const AT_ONCE = 20;
/** So often a new connection comes back to the room, from its beginning. */
const BACK_EVERY = 20;

export const people2: Scenario = {
  id: 'people-2',
  title: 'a ban against posts, resumption and history; workers that are stopped meanwhile',
  shortS: 120,
  async run(size, report) {
    for (const adapter of ADAPTERS) {
      await race(adapter, SIZES[size], report);
      await stopped(adapter, report);
    }
  },
};

interface Round {
  readonly room: string;
  readonly bannedAt: number;
  /** The greatest seq that `history` gave the banned user. */
  readonly read: number;
}

async function race(adapter: Adapter, rounds: number, report: Report): Promise<void> {
  const hosts = adapter === 'redis' ? 2 : 1;
  await using server = await openServer({
    adapter,
    workers: 2,
    hosts,
    args: ['--rate-posts', '0', '--rate-joins', '0', '--max-rooms-per-user', '100000'],
  });
  const done: Round[] = [];
  const faults: string[] = [];
  let left = rounds;
  let refused = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async (_, lane) => {
      const urls = server.urls;
      const url = (at: number): string => urls[(lane + at) % urls.length] ?? '';
      const owner = await ChatClient.connect(url(0), { user: fresh('owner') });
      const bob = fresh('bob');
      const live = await ChatClient.connect(url(1), { user: bob });
      const other = await ChatClient.connect(url(0), { user: bob });
      const resuming = await ChatClient.connect(url(1), { user: bob, subscribe: false });
      const mine: Round[] = [];
      while (left > 0) {
        left -= 1;
        const room = fresh('r');
        // Who is banned from a public room, or kicked out of a private one, cannot come back.
        const isBan = left % 2 === 0;
        await owner.ask('room:create', { room, kind: isBan ? 'public' : 'private' });
        if (!isBan) await owner.ask('member:set', { room, user: bob });
        await live.join(room);
        const read: number[] = [0];
        const history = async (): Promise<void> => {
          const reply = await other.request<{ messages: Message[] }>('history', { room });
          if (reply.ok) read.push(reply.messages.at(-1)?.seq ?? 0);
        };
        const post = async (client: ChatClient, i: number): Promise<void> => {
          const reply = await client.request('message:post', { room, id: `${i}`, text: 'x' });
          if (!reply.ok) refused += 1;
        };
        const out = async (): Promise<{ seq: number }> => {
          await pause(Math.random() * 4);
          return isBan
            ? owner.ask<{ seq: number }>('member:set', { room, user: bob, banned: true })
            : owner.ask<{ seq: number }>('member:remove', { room, user: bob });
        };
        const resume = () => resuming.request('room:join', { room, after: { epoch: '', seq: 0 } });
        const [{ seq }] = await Promise.all([
          out(),
          ...[0, 1, 2].map((i) => post(live, i)),
          ...[3, 4].map((i) => post(other, i)),
          ...[0, 1, 2].map((i) => post(owner, i)),
          resume(),
          pause(2).then(() => post(live, 5)),
          history(),
          pause(1).then(history),
          pause(3).then(history),
        ]);
        await owner.post(room, 'after the end');
        // Now there is an entry that they may not have, whatever they ask.
        const [again] = await Promise.all([resume(), history()]);
        if (again.ok) faults.push(`${room}: a join after the end`);
        if (mine.length % BACK_EVERY === 0) {
          const positions = { [room]: { epoch: '', seq: 0 } };
          const back = await ChatClient.connect(url(1), { user: bob, positions });
          await back.ask('room:mine', {});
          if (back.messages(room).some((message) => message.seq > seq))
            faults.push(`${room}: who was out came back to it`);
          back.close();
        }
        mine.push({ room, bannedAt: seq, read: Math.max(...read) });
      }
      // What is still on its way to anybody has come by then.
      await pause(3_000);
      for (const round of mine) {
        const { room, bannedAt } = round;
        for (const client of [live, other, resuming])
          for (const message of client.messages(room))
            if (message.seq > bannedAt)
              faults.push(`${room}: ${message.seq} reached the banned, ${bannedAt}`);
        if (round.read > bannedAt) faults.push(`${room}: history gave ${round.read}, banned at ${bannedAt}`);
        const { messages } = await owner.ask<{ messages: Message[] }>('history', { room, limit: 100 });
        for (const message of messages)
          if (message.from === bob && message.seq > bannedAt)
            faults.push(`${room}: a post of the banned at ${message.seq}, ${bannedAt}`);
      }
      done.push(...mine);
      for (const client of [owner, live, other, resuming]) {
        faults.push(...client.follower.faults);
        client.close();
      }
    }),
  );
  report.figure(`${adapter}: rounds on ${hosts} host(s) with 2 workers`, done.length);
  report.figure(`${adapter}: posts that were refused`, refused);
  report.same(`${adapter}: rounds`, done.length, rounds);
  report.claim(`${adapter}: the end met posts on both sides of it`, refused > 0 && refused < rounds * 9);
  report.same(
    `${adapter}: entries after a ban or kick that reached who was out, posts of theirs after it`,
    faults,
    [],
  );
}

const KEY = 'the-key-of-people-2';

/** A worker stands still while a user of its own is banned, or their connections are ended. */
async function stopped(adapter: Adapter, report: Report): Promise<void> {
  await using server = await openServer({ adapter, workers: 2, args: ['--api-key', KEY] });
  const url = server.urls[0] ?? '';
  const end = {
    async ban(owner: ChatClient, room: string, user: string) {
      await owner.requestSurely('member:set', { room, user, banned: true });
    },
    async disconnect(_owner: ChatClient, _room: string, user: string) {
      await fetch(`${url}/api/v1/users/${user}/disconnect`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}` },
      });
      // It holds within a second.
      await pause(1_000);
    },
  };
  for (const [what, act] of Object.entries(end)) {
    let told: Told | undefined;
    for (let tries = 0; told === undefined && tries < 5; tries += 1) told = await whileStopped(url, act);
    if (told === undefined) throw new Error('the worker that stands still is always one that must be killed');
    report.same(
      `${adapter}, ${what} while their worker stood still: what came to them afterwards`,
      told.texts,
      [],
    );
    report.claim(
      `${adapter}, ${what} while their worker stood still: they are told`,
      told.events.some(({ event, object }) =>
        what === 'ban'
          ? event === 'room' && (object as { gone?: string }).gone === 'banned'
          : event === 'closing',
      ),
    );
  }
}

interface Told {
  /** Posts of others after the act. */
  readonly texts: readonly string[];
  readonly events: ChatClient['events'];
}

/** Undefined: the worker was killed, since it stood still with the lock of the store. */
async function whileStopped(
  url: string,
  act: (owner: ChatClient, room: string, user: string) => Promise<void>,
): Promise<Told | undefined> {
  using owner = await ChatClient.connect(url, { user: fresh('owner') });
  const room = fresh('r');
  await owner.ask('room:create', { room, kind: 'public' });
  using bob = await elsewhere(url, fresh('bob'), owner);
  await bob.join(room);
  const { seq } = await owner.post(room, 'before');
  await bob.reach(room, seq);
  // What a join leaves to be written is over.
  await pause(500);
  const pid = Number(bob.welcome.server.node.split(':').at(-1));
  signalTo(pid, 'SIGSTOP');
  let last: number;
  try {
    await act(owner, room, bob.user);
    ({ seq: last } = await owner.postSurely(room, 'after'));
  } finally {
    signalTo(pid, 'SIGCONT');
  }
  await owner.reach(room, last);
  await pause(2_000);
  if (!existsSync(`/proc/${pid}`)) return undefined;
  return { texts: bob.texts(room).filter((text) => text === 'after'), events: bob.events };
}

/** A client of this user on another worker. */
async function elsewhere(url: string, user: string, than: ChatClient): Promise<ChatClient> {
  for (let i = 0; i < 50; i += 1) {
    const client = await ChatClient.connect(url, { user });
    if (client.welcome.server.node !== than.welcome.server.node) return client;
    client.close();
  }
  throw new Error('all connections came to one worker');
}
