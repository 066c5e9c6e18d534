/**
 * Latencies in HDR histograms: three significant digits, up to ten minutes, never averaged.
 *
 * The text form carries a whole histogram between processes, so that percentiles are taken
 * once, over everything.
 */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';

const MAX_MICROS = 600_000_000;

export interface LatencySummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export class Latency {
  readonly #histogram: Histogram = build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: MAX_MICROS,
    numberOfSignificantValueDigits: 3,
    autoResize: false,
    useWebAssembly: false,
  });

  record(micros: number, count = 1): void {
    this.#histogram.recordValueWithCount(Math.min(MAX_MICROS, Math.max(0, Math.round(micros))), count);
  }

  /** Adds what another process recorded. */
  add(text: string): void {
    const other = decodeFromCompressedBase64(text, 32, false);
    if (other.totalCount > 0) this.#histogram.add(other);
  }

  toText(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  get summary(): LatencySummary {
    const at = (percentile: number): number => this.#histogram.getValueAtPercentile(percentile) / 1_000;
    return {
      count: this.#histogram.totalCount,
      p50Ms: at(50),
      p90Ms: at(90),
      p99Ms: at(99),
      p999Ms: at(99.9),
      maxMs: this.#histogram.maxValue / 1_000,
    };
  }
}
