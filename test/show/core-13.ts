/** Two hosts on one Redis, and G13: a worker without a member of a room is sent none of its messages. */
import { ChatClient, fresh } from '../support/client.ts';
import { openServer } from '../support/server-handle.ts';
import type { Scenario } from './scenario.ts';

export const core13: Scenario = {
  id: 'core-13',
  title: 'two hosts, and only where needed',
  shortS: 60,
  async run(size, report) {
    const posts = size === 'long' ? 5_000 : 300;
    await using server = await openServer({
      adapter: 'redis',
      workers: 2,
      hosts: 2,
      args: ['--rate-posts', '0'],
    });
    const [first = '', second = ''] = server.urls;
    const room = fresh('here');
    const ada = await ChatClient.connect(first, { user: fresh('ada') });
    const bob = await ChatClient.connect(second, { user: fresh('bob') });
    const elsewhere = await ChatClient.connect(second, { user: fresh('cleo') });
    for (const client of [ada, bob]) await client.join(room);
    await elsewhere.join(fresh('elsewhere'));
    await ada.post(room, 'warm');
    await bob.reach(room, 1);
    const channel = `show:bus#/#r:/|${room}#`;
    const listeners = await server.redis?.ask('PUBSUB', 'SHARDNUMSUB', channel);
    report.same('of four workers only the two with a member are subscribed', listeners, [channel, 2]);
    const before = await received(server.redis);
    for (let at = 0; at < posts; at += 50)
      await Promise.all(Array.from({ length: 50 }, (_, i) => ada.post(room, `${at + i}`)));
    await bob.reach(room, posts + 1);
    const after = await received(server.redis);
    report.same('both hosts see one order', bob.texts(room), ada.texts(room));
    report.figure('posts from one host to the other', posts);
    report.figure('messages that Redis pushed to subscribers meanwhile, heartbeats included', after - before);
    for (const client of [ada, bob, elsewhere]) client.close();
  },
};

/** Messages pushed to the two subscribers of a room would double with a third. */
async function received(redis: { ask(...command: string[]): Promise<unknown> } | undefined): Promise<number> {
  const stats = String(await redis?.ask('INFO', 'commandstats'));
  return Number(/cmdstat_spublish:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}
