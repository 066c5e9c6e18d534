/**
 * A ratio of paired measurements with its confidence interval.
 *
 * The logarithms of the pairs' ratios are averaged (half as fast and twice as fast cancel out),
 * and Student's t over the pairs gives the interval: few runs make it wide, as they should.
 */
export interface Ratio {
  /** The geometric mean of the pairs' ratios. */
  readonly ratio: number;
  /** Both ends of the 95 % interval; infinitely wide with one pair. */
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
}

/** Two-sided 95 % quantiles of Student's t for 1, 2, 3 … degrees of freedom. */
const T_95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086,
];
/** Of the normal distribution, with what is missing for a few dozen pairs put on top. */
const T_MANY = 2.08;

/** Undefined without a pair of positive numbers. */
export function ratioOf(pairs: readonly (readonly [value: number, base: number])[]): Ratio | undefined {
  const logs = pairs.flatMap(([value, base]) => (value > 0 && base > 0 ? [Math.log(value / base)] : []));
  if (logs.length === 0) return undefined;
  const mean = logs.reduce((a, b) => a + b, 0) / logs.length;
  const freedom = logs.length - 1;
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / freedom;
  const half = freedom === 0 ? Infinity : (T_95[freedom - 1] ?? T_MANY) * Math.sqrt(variance / logs.length);
  return {
    ratio: Math.exp(mean),
    low: Math.exp(mean - half),
    high: Math.exp(mean + half),
    pairs: logs.length,
  };
}
