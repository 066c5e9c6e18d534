/** The library, as a project outside of this repository has it. Its short form is the suite itself. */
import { runSuites } from './run-suites.ts';
import type { Scenario } from './scenario.ts';

/** What must be among its tests, by a part of their names. */
const MUST = ['a consumer compiles in strict mode', 'support desk', 'agent', 'Express'];

export const people6: Scenario = {
  id: 'people-6',
  title: 'the library: a consumer project, three examples',
  shortS: 0,
  async run(_size, report) {
    const names = await runSuites(['test/library'], report);
    for (const part of MUST)
      report.claim(
        `a test has ${part} in its name`,
        names.some((name) => name.includes(part)),
      );
  },
};
