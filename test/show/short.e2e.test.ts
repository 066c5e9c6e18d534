/** The short form of everything that is shown. */
import { describe, expect, test } from 'vitest';
import { Report } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';

describe('shown, in short', () => {
  for (const scenario of SCENARIOS.filter(({ shortS }) => shortS > 0)) {
    test(`${scenario.id}: ${scenario.title}`, { timeout: scenario.shortS * 1_000 }, async () => {
      const report = new Report();
      await scenario.run('short', report);
      expect(report.failures.slice(0, 20)).toEqual([]);
      expect(report.claims).toBeGreaterThan(0);
    });
  }
});
