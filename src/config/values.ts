/**
 * Reads one option's text into its value. Each reader says what it expects, so that a mistake
 * is told with what came and what was wanted.
 */

/** Thrown by a reader: what was expected, in words. */
export class Expected extends Error {}

export type Reader<T> = (text: string) => T;

export function text(what = 'text'): Reader<string> {
  return (value) => {
    if (value === '') throw new Expected(`${what}, not empty`);
    return value;
  };
}

export function whole(min: number, max: number): Reader<number> {
  return (value) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < min || number > max)
      throw new Expected(`a whole number from ${min} to ${max}`);
    return number;
  };
}

export function oneOf<const T extends string>(...names: readonly T[]): Reader<T> {
  return (value) => {
    const found = names.find((name) => name === value);
    if (found === undefined) throw new Expected(names.join(' or '));
    return found;
  };
}

export function matching(pattern: RegExp, what: string): Reader<string> {
  return (value) => {
    if (!pattern.test(value)) throw new Expected(what);
    return value;
  };
}

/** Comma separated, or the option given several times. */
export function list(item: Reader<string>): Reader<readonly string[]> {
  return (value) =>
    value
      .split(',')
      .filter((part) => part !== '')
      .map(item);
}

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `250ms`, `10s`, `5m`, `2h`, `30d` → milliseconds. */
export function duration(minMs: number, maxMs: number): Reader<number> {
  return (value) => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value);
    const unit = match?.[2] as keyof typeof UNIT_MS | undefined;
    const ms = match?.[1] === undefined || unit === undefined ? Number.NaN : Number(match[1]) * UNIT_MS[unit];
    if (!(ms >= minMs && ms <= maxMs))
      throw new Expected(`a duration such as 250ms, 10s, 5m or 30d, from ${minMs} ms to ${maxMs} ms`);
    return ms;
  };
}

const UNIT_BYTES = { '': 1, k: 1_024, m: 1_048_576, g: 1_073_741_824 } as const;

/** `4096`, `64k`, `8m`, `1g` → bytes. */
export function size(min: number, max: number): Reader<number> {
  return (value) => {
    const match = /^(\d+)([kmg]?)$/i.exec(value);
    const unit = match?.[2]?.toLowerCase() as keyof typeof UNIT_BYTES | undefined;
    const bytes =
      match?.[1] === undefined || unit === undefined ? Number.NaN : Number(match[1]) * UNIT_BYTES[unit];
    if (!(bytes >= min && bytes <= max))
      throw new Expected(`a size such as 4096, 64k or 8m, from ${min} to ${max} bytes`);
    return bytes;
  };
}

export interface RateValue {
  readonly count: number;
  readonly perMs: number;
}

/** `600/10s`; `0` is no limit. */
export function rate(): Reader<RateValue | undefined> {
  return (value) => {
    if (value === '0') return undefined;
    const match = /^(\d+)\/(\d*)(ms|s|m|h|d)$/.exec(value);
    const count = Number(match?.[1]);
    const unit = match?.[3] as keyof typeof UNIT_MS | undefined;
    const perMs =
      unit === undefined ? Number.NaN : Number(match?.[2] === '' ? 1 : match?.[2]) * UNIT_MS[unit];
    if (!(count >= 1 && count <= 1e9 && perMs >= 1))
      throw new Expected('a rate such as 600/10s, or 0 for no limit');
    return { count, perMs };
  };
}

export interface FaultsValue {
  readonly drop: number;
  readonly duplicate: number;
  readonly reorder: number;
  readonly delayMs: number;
}

/** `adapter.drop=0.2,adapter.delay=50,…` */
export function faults(): Reader<FaultsValue> {
  return (value) => {
    const found = { drop: 0, duplicate: 0, reorder: 0, delay: 0 };
    for (const part of value.split(',')) {
      const match = /^adapter\.(drop|duplicate|reorder|delay)=(\d+(?:\.\d+)?)$/.exec(part.trim());
      const name = match?.[1] as keyof typeof found | undefined;
      const number = Number(match?.[2]);
      if (name === undefined || (name !== 'delay' && number > 1)) {
        throw new Expected(
          'adapter.drop=, adapter.duplicate=, adapter.reorder= (chances from 0 to 1) or adapter.delay= (ms), comma separated',
        );
      }
      found[name] = number;
    }
    const { delay: delayMs, ...chances } = found;
    return { ...chances, delayMs };
  };
}
