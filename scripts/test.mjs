/**
 * `npm test`: brings what is missing, builds, runs the whole suite. Arguments go to vitest:
 * `npm test -- test/chat`. The last line is always `N passed, N failed`.
 */
import { checkNode } from './lib/node-version.mjs';

checkNode();

const { existsSync, mkdtempSync, readFileSync, rmSync } = await import('node:fs');
const { tmpdir } = await import('node:os');
const { join } = await import('node:path');
const { build, install, ROOT } = await import('./lib/prepare.mjs');
const { runOpenly, say, ScriptError } = await import('./lib/run.mjs');
const { bringSystemPackages } = await import('./lib/system-packages.mjs');

const folder = mkdtempSync(join(tmpdir(), 'chat-server-test-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** A file that could not be loaded, and whatever made vitest fail beside its tests, count as one. */
function totalsOf(report, exitCode) {
  const files = report?.testResults ?? [];
  const failedTests = report?.numFailedTests ?? 0;
  const broken = files.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  );
  const failed = failedTests + broken.length;
  const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);
  return {
    passed: report?.numPassedTests ?? 0,
    failed: exitCode === 0 ? failed : Math.max(failed, 1),
    skipped,
  };
}

async function runSuite() {
  const path = join(folder, 'report.json');
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${path}`];
  const exitCode = await runOpenly(process.execPath, [
    vitest,
    'run',
    '--root',
    ROOT,
    ...reporters,
    ...process.argv.slice(2),
  ]);
  return totalsOf(existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined, exitCode);
}

async function testAll() {
  try {
    await install();
    await bringSystemPackages();
    await build();
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    say(error.message);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  return runSuite();
}

const { passed, failed, skipped } = await testAll();
if (skipped > 0) console.log(`${skipped} skipped`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
