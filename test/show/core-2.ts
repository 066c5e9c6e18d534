/** The conformance and contract suites, counted by guarantee. Its short form is the suites themselves. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Scenario } from './scenario.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SUITES = ['test/conformance', 'test/store', 'test/adapter', 'test/chat'];
/** Those of the core; G8 and G14's rights come with people. */
const GUARANTEES = ['G1', 'G2', 'G3', 'G4', 'G5', 'G6', 'G7', 'G9', 'G10', 'G11', 'G12', 'G13'];

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

export const core2: Scenario = {
  id: 'core-2',
  title: 'conformance by guarantee, contracts of stores and adapters',
  shortS: 0,
  async run(_size, report) {
    const dir = mkdtempSync(join(tmpdir(), 'chat-suites-'));
    const file = join(dir, 'report.json');
    const { SHOW: _show, ...env } = process.env;
    const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
    const child = spawn(
      process.execPath,
      [vitest, 'run', '--root', ROOT, '--reporter=json', `--outputFile.json=${file}`, ...SUITES],
      { stdio: 'ignore', env },
    );
    await once(child, 'exit');
    const { testResults } = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
    rmSync(dir, { recursive: true, force: true });
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
    for (const { fullName, status } of tests) report.claim(fullName, status === 'passed', status);
    for (const guarantee of GUARANTEES) {
      const named = tests.filter(({ fullName }) => new RegExp(`\\b${guarantee}\\b`).test(fullName));
      report.figure(`tests with ${guarantee} in their name`, named.length);
      report.claim(`${guarantee} has a test`, named.length > 0);
    }
    for (const suite of SUITES) {
      const own = testResults
        .filter(({ name }) => name.includes(`/${suite}/`))
        .flatMap(({ assertionResults }) => assertionResults);
      report.figure(`tests under ${suite}`, own.length);
    }
  },
};
