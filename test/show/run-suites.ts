/** Suites of `npm test`, run by themselves, with each test's name and status. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Report } from './scenario.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** Names of all tests; that each passes is a claim. `suites`: paths below the root. */
export async function runSuites(suites: readonly string[], report: Report): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'chat-suites-'));
  const file = join(dir, 'report.json');
  const { SHOW: _show, ...env } = process.env;
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--root', ROOT, '--reporter=json', `--outputFile.json=${file}`, ...suites],
    { stdio: 'ignore', env },
  );
  await once(child, 'exit');
  const { testResults } = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  rmSync(dir, { recursive: true, force: true });
  for (const suite of suites) {
    const own = testResults.filter(({ name }) => name.includes(`/${suite}/`));
    report.figure(
      `tests under ${suite}`,
      own.reduce((sum, { assertionResults }) => sum + assertionResults.length, 0),
    );
  }
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  for (const { fullName, status } of tests) report.claim(fullName, status === 'passed', status);
  return tests.map(({ fullName }) => fullName);
}
