/** What V8 is told in both kinds of process. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
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

const MODULE = fileURLToPath(new URL('../../dist/primary/v8-settings.js', import.meta.url));

/** Bytes of the young generation of a process that made much that is new. */
function youngBytes(before: string): number {
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { keepYoungHeapSmall } from ${JSON.stringify(MODULE)};
    ${before}
    const kept = [];
    for (let i = 0; i < 2e6; i += 1) kept[i % 40_000] = { i, more: [i] };
    const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
    process.stdout.write(String(young.space_size));`;
  return Number(execFileSync(process.execPath, ['--input-type=module', '-e', program]).toString());
}

test('the primary’s stays small', () => {
  expect(youngBytes('')).toBeGreaterThan(8e6);
  expect(youngBytes('keepYoungHeapSmall();')).toBeLessThan(4e6);
});
