import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ACTIONS } from '../support/rights-table.ts';

test('docs/rights.md has the table that the tests run over', () => {
  const text = readFileSync(new URL('../../docs/rights.md', import.meta.url), 'utf8');
  const part = text.split('<!-- rights -->')[1]?.split('<!-- /rights -->')[0] ?? '';
  const rows = part.trim().split('\n').slice(2);
  expect(rows).toEqual(ACTIONS.map(({ name, cells }) => `| ${name} | ${cells.join(' | ')} |`));
});
