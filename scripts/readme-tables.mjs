/** Writes the option table and the error table of README.md from the code in dist/ (`npm run build` first). */
import { readFileSync, writeFileSync } from 'node:fs';
import { GROUPS } from '../dist/config/option-row.js';
import { envOf, flagOf, OPTION_NAMES, optionRow } from '../dist/config/options.js';
import { ERRORS } from '../dist/protocol/errors.js';

const README = new URL('../README.md', import.meta.url);

function row(cells) {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function optionTable() {
  const lines = [];
  for (const group of GROUPS) {
    lines.push(`**${group}**`, '', row(['option', 'takes', 'default', 'what it does']), '|---|---|---|---|');
    for (const name of OPTION_NAMES) {
      const { group: own, kind, default: fallback = '', about, isEnvOnly } = optionRow(name);
      if (own !== group) continue;
      const shown = fallback === '' ? '' : `\`${fallback}\``;
      lines.push(row([`\`${isEnvOnly === true ? envOf(name) : flagOf(name)}\``, kind.takes, shown, about]));
    }
    lines.push('');
  }
  return lines.join('\n').trimEnd();
}

function errorTable() {
  const rows = Object.entries(ERRORS).map(([code, { http, meaning, retry }]) =>
    row([`\`${code}\``, String(http), meaning, retry ? 'yes' : 'no']),
  );
  return [row(['code', 'HTTP', 'meaning', 'try again']), '|---|---|---|---|', ...rows].join('\n');
}

function put(text, name, table) {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [start, end] = [text.indexOf(open), text.indexOf(close)];
  if (start < 0 || end < start) throw new Error(`README.md must have ${open} and ${close}`);
  return `${text.slice(0, start + open.length)}\n${table}\n${text.slice(end)}`;
}

const text = readFileSync(README, 'utf8');
writeFileSync(README, put(put(text, 'options', optionTable()), 'errors', errorTable()));
