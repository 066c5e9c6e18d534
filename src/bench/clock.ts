/**
 * One clock for all processes of a host: CLOCK_MONOTONIC, in microseconds.
 *
 * Due times travel in messages and are compared in another process, so every process
 * counts from the same zero (the boot of the machine).
 */

const ZERO_MICROS = Number(process.hrtime.bigint() / 1_000n) - performance.now() * 1_000;

export function nowMicros(): number {
  return performance.now() * 1_000 + ZERO_MICROS;
}
