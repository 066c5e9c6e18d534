/** Every trap has what holds it: each file that docs/traps.md names is there. */
import { existsSync, readFileSync } from 'node:fs';
import type { Scenario } from './scenario.ts';

const ROOT = new URL('../../', import.meta.url);

export const core15: Scenario = {
  id: 'core-15',
  title: 'every trap is held by a test, or cannot occur',
  shortS: 20,
  async run(_size, report) {
    const rows = readFileSync(new URL('docs/traps.md', ROOT), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| trap'));
    for (const row of rows) {
      const paths = [...row.matchAll(/`((?:src|test|docs)\/[^`]+)`/g)].map(([, path]) => path ?? '');
      for (const path of paths) report.claim(`${path} is there`, isThere(path));
    }
    report.figure('traps', rows.length);
  },
};

function isThere(path: string): boolean {
  const [folder = '', star] = path.split('*');
  return star === undefined
    ? existsSync(new URL(path, ROOT))
    : existsSync(new URL(folder.slice(0, folder.lastIndexOf('/')), ROOT));
}
