/** What V8 is told in workers. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { workerArguments } from '../../src/primary/v8-settings.ts';
import { startServer } from '../support/server.ts';

test('workers get settings of their own, but for what somebody has set', () => {
  const ours = ['--max-semi-space-size=8', '--v8-pool-size=1'];
  expect(workerArguments(['--cpu-prof'], '')).toEqual(['--cpu-prof', ...ours]);
  expect(workerArguments([], '--max-old-space-size=100')).toEqual(ours);
  expect(workerArguments(['--max_semi_space_size=32'], '')).toEqual(['--max_semi_space_size=32', ours[1]]);
  expect(workerArguments([], '--v8-pool-size=4')).toEqual([ours[0]]);
});

test('they have them', async () => {
  await using server = await startServer({ workers: 2 });
  const lines = server.workers().map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'));
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(line).toEqual(expect.arrayContaining(workerArguments([], '')));
});
