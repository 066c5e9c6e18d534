import { defineConfig } from 'vitest/config';

const common = { testTimeout: 30_000, hookTimeout: 60_000, pool: 'forks' as const };

/** Projects by suffix: plain tests, those with a real Redis, those that fork the real server (from dist/). */
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.redis.test.ts', 'test/**/*.e2e.test.ts'],
        },
      },
      { test: { ...common, name: 'redis', include: ['test/**/*.redis.test.ts'] } },
      { test: { ...common, name: 'e2e', testTimeout: 60_000, include: ['test/**/*.e2e.test.ts'] } },
      // The long forms; only `npm run show` runs them.
      ...(process.env['SHOW'] === undefined
        ? []
        : [
            {
              test: { ...common, name: 'show', testTimeout: 5_400_000, include: ['test/show/long.show.ts'] },
            },
          ]),
    ],
  },
});
