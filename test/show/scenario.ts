/**
 * What an issue must show, as a program: each scenario runs in a short form with `npm test` and
 * in its long form with `npm run show -- core-N`, which writes docs/evidence/core-N.md.
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';

export type { Adapter } from '../support/server-handle.ts';

/** Collects figures and claims; a claim that does not hold makes the result red. */
export class Report {
  readonly figures: [string, string][] = [];
  readonly failures: string[] = [];
  /** Tables as text, below the figures. */
  readonly texts: string[] = [];
  #claims = 0;

  figure(name: string, value: string | number): void {
    this.figures.push([name, typeof value === 'number' ? String(Math.round(value * 100) / 100) : value]);
  }

  text(text: string): void {
    this.texts.push(text);
  }

  claim(what: string, holds: boolean, seen = ''): void {
    this.#claims += 1;
    if (!holds) this.failures.push(seen === '' ? what : `${what}: ${seen}`);
  }

  /** Both must be the same; differences are shown. */
  same(what: string, actual: unknown, expected: unknown): void {
    const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
    this.claim(what, a === b, `${a.slice(0, 300)} is not ${b.slice(0, 300)}`);
  }

  get isGreen(): boolean {
    return this.failures.length === 0 && this.#claims > 0;
  }

  get claims(): number {
    return this.#claims;
  }
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** Seconds the short form may take; 0: it is elsewhere, as the scenario says. */
  readonly shortS: number;
  /** What changes between the forms is read from `size`. */
  run(size: 'short' | 'long', report: Report): Promise<void>;
}

/** The evidence page of a long run. */
export function evidence({ id, title }: Scenario, report: Report, seconds: number): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const isDirty =
    execFileSync('git', ['status', '--porcelain', '--', 'src'], { encoding: 'utf8' }).trim() !== '';
  const lines = [
    `# ${id}: ${title}`,
    '',
    `**${report.isGreen ? 'green' : 'RED'}**: ${report.claims} claims, ${report.failures.length} failed. ${seconds.toFixed(0)} s.`,
    '',
    `Commit ${commit}${isDirty ? ' with changes' : ''}, ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}). Command: \`npm run show -- ${id}\`.`,
    '',
  ];
  if (report.figures.length > 0)
    lines.push(
      '| figure | value |',
      '|---|---|',
      ...report.figures.map(([name, value]) => `| ${name} | ${value} |`),
    );
  for (const text of report.texts) lines.push('```text', text.trimEnd(), '```');
  if (report.failures.length > 0)
    lines.push('', '## What failed', '', ...report.failures.map((failure) => `- ${failure}`));
  return `${lines.join('\n')}\n`;
}
