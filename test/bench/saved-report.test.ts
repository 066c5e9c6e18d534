import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { settingsOf } from '../../src/bench/compare-options.ts';
import { resultsSaved, saveReport } from '../../src/bench/saved-report.ts';
import { CONDITIONS, idle } from './results.ts';

const dir = mkdtempSync(join(tmpdir(), 'chat-saved-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const settings = settingsOf({ modes: ['cluster'], scenarios: ['idle'] }, 2);
const results = [idle('cluster', 1, 10)];
const report = { conditions: CONDITIONS, settings, results, isComplete: false };

test('what was interrupted is given back, and a finished one is not', async () => {
  const file = join(dir, 'a.json');
  expect(await resultsSaved(file, settings)).toEqual([]);
  await saveReport(file, report);
  expect(await resultsSaved(file, settings)).toEqual(results);
  await saveReport(file, { ...report, isComplete: true });
  expect(await resultsSaved(file, settings)).toEqual([]);
  expect(readdirSync(dir)).toEqual(['a.json']);
});

test('another measurement in the file is not overwritten', async () => {
  const file = join(dir, 'b.json');
  await saveReport(file, report);
  await expect(resultsSaved(file, { ...settings, clients: 7 })).rejects.toThrow('other options');
  writeFileSync(file, 'a shopping list');
  await expect(resultsSaved(file, settings)).rejects.toThrow('is no report of compare');
  expect(readFileSync(file, 'utf8')).toBe('a shopping list');
});
