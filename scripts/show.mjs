/**
 * `npm run show -- core-3 core-4`: the long form of what an issue must show, on the built
 * server; writes docs/evidence/. Without names it lists what there is.
 */
import { checkNode } from './lib/node-version.mjs';

checkNode();

const { readFileSync } = await import('node:fs');
const { join } = await import('node:path');
const { build, install, ROOT } = await import('./lib/prepare.mjs');
const { runOpenly } = await import('./lib/run.mjs');
const { bringSystemPackages } = await import('./lib/system-packages.mjs');

const wanted = process.argv.slice(2);
const listed = readFileSync(join(ROOT, 'test', 'show', 'scenarios.ts'), 'utf8');
const known = [...listed.matchAll(/'\.\/([a-z]+-\d+)\.ts'/g)].map(([, id]) => id);
const unknown = wanted.filter((id) => !known.includes(id));
if (wanted.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`no such scenario: ${unknown.join(', ')}`);
  console.error(`usage: npm run show -- NAME…\nnames: ${known.join(' ')}`);
  process.exit(wanted.length === 0 ? 0 : 78);
}
await install();
await build();
await bringSystemPackages();
const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
process.env.SHOW = wanted.join(',');
process.exitCode = await runOpenly(process.execPath, [vitest, 'run', '--root', ROOT, '--project', 'show']);
