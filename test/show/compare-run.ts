/** One `chat-server compare` as whoever uses it would run it, and its figures. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mode, Scenario as Measured } from '../../src/bench/compare-options.ts';
import { columnsOf, type Figure, figureOf } from '../../src/bench/figures.ts';
import { type CompareReport, reportText } from '../../src/bench/report.ts';
import type { Report } from './scenario.ts';

const BIN = fileURLToPath(new URL('../../bin/chat-server.js', import.meta.url));

/** Its text goes into the report; that every run of ours counts is a claim. */
export async function compareRun(
  args: readonly string[],
  report: Report,
  node = process.execPath,
): Promise<CompareReport> {
  const dir = mkdtempSync(join(tmpdir(), 'chat-compare-'));
  try {
    const file = join(dir, 'report.json');
    const child = spawn(node, [BIN, 'compare', ...args, '--json', file], { stdio: 'ignore' });
    const [code] = (await once(child, 'exit')) as [number | null];
    // 1: something is worse than in the build that it was measured against, which whoever asked looks for.
    report.claim('compare ends well', code === 0 || (code === 1 && args.includes('--against')), String(code));
    const result = JSON.parse(readFileSync(file, 'utf8')) as CompareReport;
    for (const run of result.results.filter(({ mode }) => !mode.startsWith('plain')))
      report.same(
        `${run.mode} ${run.scenario} ${run.run}: no order error, hole, repeat or loss`,
        run.void,
        [],
      );
    report.text(reportText(result));
    return result;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A figure by the title of its column; throws where no run of it counts. */
export function figure(result: CompareReport, mode: Mode, scenario: Measured, title: string): Figure {
  const column = columnsOf(scenario).find((one) => one.title === title);
  const found = column && figureOf(result.results, mode, scenario, column);
  if (found === undefined) throw new Error(`no ${title} of ${mode} ${scenario}`);
  return found;
}

/** Claims that a figure's ratio to plain is at least, or at most, so much. */
export function claimRatio(
  report: Report,
  result: CompareReport,
  mode: Mode,
  scenario: Measured,
  title: string,
  bound: { readonly atLeast: number } | { readonly atMost: number },
): void {
  const { ratio = Number.NaN } = figure(result, mode, scenario, title);
  const seen = `${ratio.toFixed(2)} × plain`;
  if ('atLeast' in bound)
    report.claim(
      `${mode} ${scenario}: ${title} at least ${bound.atLeast} × plain`,
      ratio >= bound.atLeast,
      seen,
    );
  else
    report.claim(
      `${mode} ${scenario}: ${title} at most ${bound.atMost} × plain`,
      ratio <= bound.atMost,
      seen,
    );
}
