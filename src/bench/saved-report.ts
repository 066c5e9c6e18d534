/**
 * The report as a file, written after each mode of each run: who was interrupted goes on with
 * the same command, and what was measured is not measured again.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { CompareOptionError, type Settings } from './compare-options.ts';
import type { CompareReport } from './report.ts';
import type { ScenarioResult } from './scenario-result.ts';

/** Whole or not there: a reader never sees half of it. */
export async function saveReport(file: string, report: CompareReport): Promise<void> {
  const draft = `${file}.part`;
  await writeFile(draft, `${JSON.stringify(report, undefined, 2)}\n`);
  await rename(draft, file);
}

/**
 * What an interrupted comparison with the same settings has in the file; empty where there is
 * no file, or a comparison that was finished. Rejects with `CompareOptionError` where the file
 * is something else, which would be lost.
 */
export async function resultsSaved(file: string, settings: Settings): Promise<readonly ScenarioResult[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  const saved = reportOf(text);
  if (saved === undefined)
    throw new CompareOptionError(`${file} is there and is no report of compare; give another name`);
  if (saved.isComplete) return [];
  if (JSON.stringify(saved.settings) === JSON.stringify(plain(settings))) return saved.results;
  throw new CompareOptionError(
    `${file} has a comparison with other options that was interrupted; give the same options, or remove the file`,
  );
}

function reportOf(text: string): CompareReport | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isReport = typeof value === 'object' && value !== null && 'settings' in value && 'results' in value;
    return isReport ? (value as CompareReport) : undefined;
  } catch {
    return undefined;
  }
}

/** As it comes back from JSON. */
function plain(settings: Settings): unknown {
  return JSON.parse(JSON.stringify(settings));
}
