/**
 * A comparison as one self-contained page: no script, no font and no picture from elsewhere.
 * It follows the reader's choice of light or dark, and narrow screens get one chart a row.
 */
import { againstText } from './against.ts';
import { SCENARIOS, type Scenario } from './compare-options.ts';
import { columnsOf, figureOf, median, shown, titleOf } from './figures.ts';
import { barChart, escapeText, type Line, lineChart } from './page-charts.ts';
import { PAGE_STYLE } from './page-style.ts';
import { words } from './page-words.ts';
import { type CompareReport, reportText } from './report.ts';
import type { TrafficResult } from './scenario-result.ts';

/** `command`: what a reader types to get the same. */
export function reportPage(report: CompareReport, command: string): string {
  const { conditions, settings } = report;
  const { at, cores, cpu, memoryMb, versions } = conditions;
  const scenarios = SCENARIOS.filter((scenario) => settings.scenarios.includes(scenario));
  const key = settings.modes.map((mode) => `<li><i class="${mode}"></i>${mode}</li>`).join('');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>chat-server compare</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>chat-server compare</h1>
<p>${escapeText(`${at.slice(0, 10)} · ${cores} × ${cpu}, ${Math.round(memoryMb / 1_024)} GB · chat-server ${versions['chat-server'] ?? ''}, Node ${versions['node'] ?? ''}`)}</p>
<ul class="key">${key}</ul>
</header>
<main>
<section>
<h2>In words</h2>
${words(report)
  .map((sentence) => `<p>${escapeText(sentence)}</p>`)
  .join('\n')}
<p class="small">Bars are medians of the runs that count, the thin line goes from the least run to the most; the ratio is to the plain set-up with the same adapter.</p>
</section>
${scenarios.map((scenario) => sectionOf(scenario, report)).join('\n')}
<section>
<h2>Everything, and how to repeat it</h2>
<pre class="command">${escapeText(command)}</pre>
${settings.against === undefined ? '' : `<pre>${escapeText(againstText(report))}</pre>`}
<pre>${escapeText(reportText(report))}</pre>
</section>
</main>
</body>
</html>
`;
}

function sectionOf(scenario: Scenario, report: CompareReport): string {
  const { settings, results } = report;
  const charts = columnsOf(scenario).map((column) =>
    barChart(
      column.title,
      settings.modes.map((mode) => ({ mode, figure: figureOf(results, mode, scenario, column) })),
      (value) => shown(value, column.digits),
    ),
  );
  const lines = latencyLines(scenario, report);
  if (lines.length > 0) charts.push(lineChart('time to delivery by percentile', lines));
  return `<section>
<h2>${escapeText(titleOf(scenario, settings))}</h2>
<div class="charts">${charts.join('')}</div>
</section>`;
}

/** For each mode the median over its runs, percentile by percentile. */
function latencyLines(scenario: Scenario, { settings, results }: CompareReport): Line[] {
  return settings.modes.flatMap((mode): Line[] => {
    const runs = results.filter(
      (r): r is TrafficResult =>
        r.kind === 'traffic' && r.mode === mode && r.scenario === scenario && r.void.length === 0,
    );
    if (runs.length === 0) return [];
    const picks = ['p50Ms', 'p90Ms', 'p99Ms', 'p999Ms', 'maxMs'] as const;
    return [{ mode, values: picks.map((pick) => median(runs.map(({ delivery }) => delivery[pick])) ?? 0) }];
  });
}
