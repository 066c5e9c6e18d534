/** The conformance and contract suites, counted by guarantee. Its short form is the suites themselves. */
import { runSuites } from './run-suites.ts';
import type { Scenario } from './scenario.ts';

const SUITES = ['test/conformance', 'test/store', 'test/adapter', 'test/chat'];
const GUARANTEES = Array.from({ length: 14 }, (_, i) => `G${i + 1}`);

export const core2: Scenario = {
  id: 'core-2',
  title: 'conformance by guarantee, contracts of stores and adapters',
  shortS: 0,
  async run(_size, report) {
    const names = await runSuites(SUITES, report);
    for (const guarantee of GUARANTEES) {
      const named = names.filter((name) => new RegExp(`\\b${guarantee}\\b`).test(name));
      report.figure(`tests with ${guarantee} in their name`, named.length);
      report.claim(`${guarantee} has a test`, named.length > 0);
    }
  },
};
