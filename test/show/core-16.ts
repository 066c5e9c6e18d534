/** The first `compare` table: this server and the set-up of the Socket.IO documentation, taking turns. */
import { compareRun } from './compare-run.ts';
import type { Scenario } from './scenario.ts';

/** In short only that it runs and counts: nothing in the suite depends on how fast a machine is. */
const SHORT = [
  '--quick',
  '--scenarios',
  'steady',
  '--modes',
  'cluster,plain-cluster',
  '--clients',
  '40',
  '--seconds',
  '1',
];
const LONG = ['--scenarios', 'idle,steady,busy,flood', '--runs', '3', '--seconds', '8'];

export const core16: Scenario = {
  id: 'core-16',
  title: 'the first compare table',
  shortS: 120,
  async run(size, report) {
    await compareRun(size === 'long' ? LONG : SHORT, report);
  },
};
