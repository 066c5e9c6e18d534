/** Order, holes, repeats and losses under the loads of `compare`, on this Node and on Node 24. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareRun } from './compare-run.ts';
import type { Scenario } from './scenario.ts';

const LOADS = 'flood,busy,steady,small-rooms,huge-room,burst,backlog,storm,polling,killed';

export const speed9: Scenario = {
  id: 'speed-9',
  title: 'nothing lost, moved or doubled under load, on two versions of Node',
  shortS: 0,
  async run(_size, report) {
    const dir = mkdtempSync(join(tmpdir(), 'chat-node-'));
    try {
      for (const node of [process.execPath, fetchNode(dir, 24)])
        await compareRun(
          ['--modes', 'cluster,redis', '--scenarios', LOADS, '--runs', '1', '--seconds', '5'],
          report,
          node,
        );
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

/** The program of a Node from the npm registry. */
function fetchNode(dir: string, version: number): string {
  const name = `node-${process.platform}-${process.arch}`;
  execFileSync('npm', ['pack', '--silent', `${name}@${version}`], { cwd: dir });
  execFileSync('sh', ['-c', `tar xzf ${name}-*.tgz`], { cwd: dir });
  return join(dir, 'package/bin/node');
}
