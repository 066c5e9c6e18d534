/** `replicated` is said where the server that wrote is the one whose replicas confirmed. */
import { expect, test } from 'vitest';
import { roomId } from '../../src/chat/identity.ts';
import { Health } from '../../src/store/redis/health.ts';
import { Keys } from '../../src/store/redis/keys.ts';
import type { RedisLink } from '../../src/store/redis/redis-link.ts';

/** A Cluster of one server with so many replicas that have everything. */
function health(replicas: number, [run, replication]: readonly [string, string]): Health {
  const send = async ([command]: readonly string[]): Promise<unknown> =>
    command === 'WAIT'
      ? replicas
      : `# Server\r\nrun_id:${run}\r\n# Replication\r\nmaster_replid:${replication}\r\n`;
  const link = {
    connection: { nodeNameOf: () => 'one' },
    isCluster: true,
    onEachNode: async (use: (send: unknown, name: string) => Promise<unknown>) =>
      Promise.all(
        ['one', 'two'].map(async (name) => ({ status: 'fulfilled', value: await use(send, name) })),
      ),
  };
  return new Health(link as unknown as RedisLink, new Keys('chat'), { waitReplicas: 1, log: undefined });
}

test.each([
  [1, 'aa:bb', 'replicated'],
  [0, 'aa:bb', 'memory'],
  // It was restarted; another one was promoted; the slot is on its way.
  [1, 'cc:bb', 'memory'],
  [1, 'aa:dd', 'memory'],
])('%i replicas of the server, written by %s: %s', async (replicas, life, said) => {
  const room = { room: roomId('/', 'room'), results: [], batch: undefined, life };
  expect(await health(replicas, ['aa', 'bb']).durable([room])).toBe(said);
});
