/** The speed of DESIGN.md is as before people came: presence, rights and limits cost no row more than 5 %. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compareRun } from './compare-run.ts';
import type { Scenario } from './scenario.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The last commit without presence, rights and limits. */
const BEFORE = '1bb3728';
const SCENARIOS = ['idle', 'burst', 'steady', 'busy', 'flood', 'small-rooms', 'fairness', 'storm'];

export const people7: Scenario = {
  id: 'people-7',
  title: 'the speed budget with presence, rights and limits on',
  shortS: 0,
  async run(_size, report) {
    const dir = join(mkdtempSync(join(tmpdir(), 'chat-before-')), 'checkout');
    const git = (...args: string[]): void => void execFileSync('git', args, { cwd: ROOT, stdio: 'ignore' });
    git('worktree', 'add', '--detach', dir, BEFORE);
    try {
      // It ends with 1 where a figure is surely worse by more than the tolerance.
      await compareRun(
        [
          '--against',
          dir,
          '--tolerance',
          '5',
          '--modes',
          'cluster,redis',
          '--scenarios',
          SCENARIOS.join(),
          '--idle-clients',
          '6000',
        ],
        report,
      );
    } finally {
      git('worktree', 'remove', '--force', dir);
      rmSync(join(dir, '..'), { recursive: true, force: true });
    }
  },
};
