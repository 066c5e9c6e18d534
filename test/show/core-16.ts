/** The first `compare` table: this server and the set-up of the Socket.IO documentation, taking turns. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CompareReport, reportText } from '../../src/bench/report.ts';
import type { Scenario } from './scenario.ts';

const BIN = fileURLToPath(new URL('../../bin/chat-server.js', import.meta.url));
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
    const dir = mkdtempSync(join(tmpdir(), 'chat-compare-'));
    const file = join(dir, 'report.json');
    const child = spawn(
      process.execPath,
      [BIN, 'compare', ...(size === 'long' ? LONG : SHORT), '--json', file],
      { stdio: 'ignore' },
    );
    const [code] = (await once(child, 'exit')) as [number | null];
    report.same('compare ends with 0', code, 0);
    const result = JSON.parse(readFileSync(file, 'utf8')) as CompareReport;
    rmSync(dir, { recursive: true, force: true });
    const ours = result.results.filter(({ mode }) => !mode.startsWith('plain'));
    for (const run of ours) {
      if (run.kind === 'traffic')
        report.same(
          `${run.mode} ${run.scenario} ${run.run}: no order error, hole, repeat or loss`,
          run.void,
          [],
        );
    }
    report.text(reportText(result));
  },
};
