/** The size of the young heap, as V8 says it. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

const MODULE = new URL('../../dist/ops/young-heap.js', import.meta.url).href;

/** Bytes of the young heap of a process that made much that is new, after `before`. */
function youngBytes(before: string): number {
  const program = `
    import { setTimeout as pause } from 'node:timers/promises';
    import { getHeapSpaceStatistics } from 'node:v8';
    import { letYoungHeapGrow, YoungHeap } from ${JSON.stringify(MODULE)};
    const busy = (ms) => { for (const end = Date.now() + ms; Date.now() < end; ); };
    ${before}
    const kept = [];
    for (let i = 0; i < 2e6; i += 1) kept[i % 40_000] = { i, more: [i] };
    const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
    process.stdout.write(String(young.space_size));`;
  return Number(execFileSync(process.execPath, ['--input-type=module', '-e', program]).toString());
}

test('it stays small where it may not grow, and grows again', () => {
  expect(youngBytes('letYoungHeapGrow(false);')).toBeLessThan(4e6);
  expect(youngBytes('letYoungHeapGrow(false); letYoungHeapGrow(true);')).toBeGreaterThan(8e6);
});

test('it grows while the event loop is busy', () => {
  const quiet = 'const heap = new YoungHeap(); await pause(200); heap.look();';
  expect(youngBytes(quiet)).toBeLessThan(4e6);
  expect(youngBytes(`${quiet} busy(200); await pause(1); heap.look();`)).toBeGreaterThan(8e6);
});
