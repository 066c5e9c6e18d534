/** Windows of shared limits that are over take no space. */
import { rm } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { TokenAsk } from '../../src/chat/store-types.ts';
import { openEnvironment } from '../../src/store/lmdb/environment.ts';
import { sweepTokens, takeTokens } from '../../src/store/lmdb/token-step.ts';
import { makeDir } from './lmdb-opened.ts';

const COUNT = 2_500;

test('a sweep forgets the windows that are over, however many, and keeps those that run', async () => {
  const dir = await makeDir();
  const env = await openEnvironment(dir, { boot: 'one' });
  onTestFinished(async () => {
    await env.flusher.close();
    await env.root.close();
    await rm(dir, { recursive: true, force: true });
  });
  const ask = (key: string, perMs: number): TokenAsk => ({ key, want: 1, least: 1, count: 1, perMs });
  env.root.transactionSync(() => {
    for (let i = 0; i < COUNT; i += 1) takeTokens(env, ask(`key-${i}`, i % 5 === 0 ? 2_000 : 1_000), 0);
  });
  expect(env.tokens.getCount()).toBe(COUNT);
  let after: string | undefined = '';
  let steps = 0;
  while (after !== undefined) {
    const from: string = after;
    after = env.root.transactionSync(() => sweepTokens(env, from, 1_000));
    steps += 1;
  }
  expect(steps).toBeGreaterThan(1);
  expect([...env.tokens.getKeys({})].toSorted()).toEqual(
    Array.from({ length: COUNT / 5 }, (_, i) => `key-${i * 5}`).toSorted(),
  );
});
