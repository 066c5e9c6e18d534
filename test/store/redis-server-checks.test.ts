/** Which Redis may hold the truth, by what it says of itself. */
import { expect, test } from 'vitest';
import { checkServer, RedisRefused } from '../../src/store/redis/server-checks.ts';

/** A Redis that says this of itself. */
function saying(version: string, config: Record<string, string> = {}) {
  return async ([command]: readonly string[]): Promise<unknown> =>
    command === 'INFO' ? `# Server\r\nredis_version:${version}\r\nredis_mode:standalone\r\n` : config;
}

test.each(['6.2.14', '5.0.7', 'unknown', ''])(
  'version %j is refused, with what is needed',
  async (version) => {
    const check = checkServer(saying(version), 'here:1');
    await expect(check).rejects.toBeInstanceOf(RedisRefused);
    await expect(check).rejects.toThrow(/here:1 is version .*; 7\.0 or newer is needed/);
  },
);

test.each(['7.0.0', '7.2.4', '8.2.1', '10.0.0'])('version %s is taken', async (version) => {
  const always = { appendonly: 'yes', appendfsync: 'always', maxmemory: '0' };
  expect(await checkServer(saying(version, always), 'here:1')).toEqual({ durability: 'disk', warnings: [] });
});

test('an evicting policy without a limit evicts nothing', async () => {
  const config = { maxmemory: '0', 'maxmemory-policy': 'allkeys-lru', appendonly: 'no' };
  expect(await checkServer(saying('7.0.15', config), 'here:1')).toMatchObject({ durability: 'memory' });
});
