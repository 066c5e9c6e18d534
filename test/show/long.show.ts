/** The long forms, one by one: `npm run show -- core-3`. Writes docs/evidence/, red or green. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { evidence, Report } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';

const wanted = (process.env['SHOW'] ?? '').split(',');

for (const scenario of SCENARIOS.filter(({ id }) => wanted.includes(id))) {
  test(`${scenario.id}: ${scenario.title}`, async () => {
    const report = new Report();
    const began = performance.now();
    try {
      await scenario.run('long', report);
    } catch (error) {
      report.claim(
        'it runs to its end',
        false,
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
    }
    const page = evidence(scenario, report, (performance.now() - began) / 1_000);
    const folder = new URL('../../docs/evidence/', import.meta.url);
    mkdirSync(folder, { recursive: true });
    writeFileSync(new URL(`${scenario.id}.md`, folder), page);
    expect(report.failures.slice(0, 20)).toEqual([]);
  });
}
