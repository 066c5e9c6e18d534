import { expect, test } from 'vitest';
import { isUninterruptible, stateOf } from '../../src/primary/process-state.ts';

test('the state is what stands behind the name, whatever the name is', () => {
  expect(stateOf('4711 (node) D 1 4711 4711 0 -1')).toBe('D');
  expect(stateOf('4711 (a) D (b)) S 1 4711 4711 0 -1')).toBe('S');
});

test('a process that runs, and one that is not there, can be ended', () => {
  expect(isUninterruptible(process.pid)).toBe(false);
  expect(isUninterruptible(0)).toBe(false);
});
