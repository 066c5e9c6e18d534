/** The short form of what an issue shows; two files of tests, so that they run side by side. */
import { describe, expect, test } from 'vitest';
import { Report } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';

export function showShort(wanted: (id: string) => boolean): void {
  describe('shown, in short', () => {
    for (const scenario of SCENARIOS.filter(({ id, shortS }) => shortS > 0 && wanted(id))) {
      test(`${scenario.id}: ${scenario.title}`, { timeout: scenario.shortS * 1_000 }, async () => {
        const report = new Report();
        await scenario.run('short', report);
        expect(report.failures.slice(0, 20)).toEqual([]);
        expect(report.claims).toBeGreaterThan(0);
      });
    }
  });
}
