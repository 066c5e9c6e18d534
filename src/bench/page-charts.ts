/** Charts as SVG for the page of a comparison: bars of one figure, and lines of latency. */
import type { Mode } from './compare-options.ts';
import type { Figure } from './figures.ts';

export interface Bar {
  readonly mode: Mode;
  /** Undefined: no run counts. */
  readonly figure: Figure | undefined;
}

/** Points of one line, in the order of `PERCENTILES`. */
export interface Line {
  readonly mode: Mode;
  readonly values: readonly number[];
}

export const PERCENTILES = ['50', '90', '99', '99.9', 'max'] as const;

const WIDTH = 340;
const ROW = 34;
const LABEL = 104;
const VALUE = 118;

export function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** One row a mode: the median as a bar, the least and the most run as a line over it. */
export function barChart(title: string, bars: readonly Bar[], show: (value: number) => string): string {
  const most = Math.max(...bars.map(({ figure }) => figure?.most ?? 0), Number.MIN_VALUE);
  const room = WIDTH - LABEL - VALUE;
  const x = (value: number): number => LABEL + (value / most) * room;
  const rows = bars.map(({ mode, figure }, i) => {
    const y = i * ROW + 8;
    const label = `<text x="${LABEL - 8}" y="${y + 14}" class="label">${mode}</text>`;
    if (figure === undefined) return `${label}<text x="${LABEL}" y="${y + 14}" class="value">void</text>`;
    const ratio =
      figure.ratio === undefined ? '' : ` <tspan class="ratio">${ratioText(figure.ratio)}</tspan>`;
    return [
      label,
      `<rect x="${LABEL}" y="${y}" width="${Math.max(1, x(figure.median) - LABEL).toFixed(1)}" height="20" rx="2" class="${mode}"/>`,
      `<line x1="${x(figure.least).toFixed(1)}" x2="${x(figure.most).toFixed(1)}" y1="${y + 10}" y2="${y + 10}" class="spread"/>`,
      `<text x="${(x(figure.most) + 6).toFixed(1)}" y="${y + 14}" class="value">${show(figure.median)}${ratio}</text>`,
    ].join('');
  });
  return svg(title, bars.length * ROW + 8, rows.join(''));
}

const LEFT = 66;
const TOP = 10;
const PLOT = 170;

/** Latency over percentiles; the scale is logarithmic, since the tail is what is looked for. */
export function lineChart(title: string, lines: readonly Line[]): string {
  const all = lines.flatMap(({ values }) => values).filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...all, 1)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...all, 1))));
  const x = (i: number): number => LEFT + (i / (PERCENTILES.length - 1)) * (WIDTH - LEFT - 24);
  const y = (ms: number): number =>
    TOP + PLOT - ((Math.log10(Math.max(ms, 10 ** low)) - low) / (high - low)) * PLOT;
  const powers = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  const grid = powers.map(
    (power) =>
      `<line x1="${LEFT}" x2="${WIDTH - 20}" y1="${y(power).toFixed(1)}" y2="${y(power).toFixed(1)}" class="grid"/>` +
      `<text x="${LEFT - 6}" y="${(y(power) + 4).toFixed(1)}" class="label">${power.toLocaleString('en')} ms</text>`,
  );
  const ticks = PERCENTILES.map(
    (name, i) =>
      `<text x="${x(i).toFixed(1)}" y="${TOP + PLOT + 18}" class="tick">${name === 'max' ? 'max' : `p${name}`}</text>`,
  );
  const curves = lines.map(({ mode, values }) => {
    const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline points="${points}" class="curve ${mode}"><title>${mode}</title></polyline>`;
  });
  return svg(title, TOP + PLOT + 26, [...grid, ...ticks, ...curves].join(''));
}

export function ratioText(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : 1)}×`;
}

function svg(title: string, height: number, body: string): string {
  return `<figure><figcaption>${escapeText(title)}</figcaption><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeText(title)}">${body}</svg></figure>`;
}
