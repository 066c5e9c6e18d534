import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { envOf, flagOf, OPTION_NAMES, optionRow } from '../../src/config/options.ts';
import { ERRORS } from '../../src/protocol/errors.ts';

/** The rows between `<!-- name -->` and `<!-- /name -->` of the README, cell by cell, without headings. */
function tableRows(name: string): string[][] {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const part = readme.split(`<!-- ${name} -->`)[1]?.split(`<!-- /${name} -->`)[0] ?? '';
  return part
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('\\|', '|')),
    );
}

// What to do when one of these fails: npm run build && node scripts/readme-tables.mjs

test('the README has every option once, with what it takes, its default and its sentence', () => {
  const expected = OPTION_NAMES.map((name) => {
    const { kind, default: fallback = '', about, isEnvOnly } = optionRow(name);
    const shown = fallback === '' ? '' : `\`${fallback}\``;
    return [`\`${isEnvOnly === true ? envOf(name) : flagOf(name)}\``, kind.takes, shown, about];
  });
  const byName = (a: string[], b: string[]): number => (a[0] ?? '').localeCompare(b[0] ?? '');
  expect(tableRows('options').sort(byName)).toEqual(expected.sort(byName));
});

test('the README has the error table of the code', () => {
  expect(tableRows('errors')).toEqual(
    Object.entries(ERRORS).map(([code, { http, meaning, retry }]) => [
      `\`${code}\``,
      String(http),
      meaning,
      retry ? 'yes' : 'no',
    ]),
  );
});
