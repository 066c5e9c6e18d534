/**
 * The kinds of values that options take. Each says in words what it takes, so that a mistake
 * is told with what came and what was wanted, and reads text into a value.
 */
import { availableParallelism } from 'node:os';

export interface Kind<T> {
  /** Completes "must be …". */
  readonly takes: string;
  /** What a bare number from code counts; none: as it is written. */
  readonly unit?: string;
  /** Undefined: the text does not fit. */
  read(text: string): { readonly value: T } | undefined;
}

/** Reads with `parse`; a text that gives undefined does not fit. */
function kind<T>(takes: string, parse: (text: string) => T | undefined): Kind<T> {
  return {
    takes,
    read(text) {
      const value = parse(text);
      return value === undefined ? undefined : { value };
    },
  };
}

function within(number: number, min: number, max: number): number | undefined {
  return number >= min && number <= max ? number : undefined;
}

export function text(takes: string): Kind<string> {
  return kind(takes, (given) => (given === '' ? undefined : given));
}

export function matching(pattern: RegExp, takes: string): Kind<string> {
  return kind(takes, (given) => (pattern.test(given) ? given : undefined));
}

/** For `fetch`, which takes none with a user or a password in it. */
export function httpUrl(): Kind<string> {
  return fitting('an http or https URL without a user in it', (given) => {
    if (!/^https?:\/\/[^\s,]+$/.test(given)) return false;
    const { username, password } = new URL(given);
    return username === '' && password === '';
  });
}

/** A text that passes `fits`; one that makes it throw does not fit. */
export function fitting(takes: string, fits: (text: string) => boolean): Kind<string> {
  return kind(takes, (given) => {
    try {
      return fits(given) ? given : undefined;
    } catch {
      // Why it cannot be read is less telling than what was wanted.
      return undefined;
    }
  });
}

export function oneOf<const T extends string>(...words: readonly T[]): Kind<T> {
  return kind(words.join(' or '), (given) => words.find((word) => word === given));
}

/** A switch; as a variable of the environment it is `true` or `false`. */
export function toggle(): Kind<boolean> {
  return kind('true or false', (given) => (given === 'true' ? true : given === 'false' ? false : undefined));
}

export function whole(min: number, max: number): Kind<number> {
  return kind(`a whole number from ${min} to ${max}`, (given) =>
    /^\d+$/.test(given) ? within(Number(given), min, max) : undefined,
  );
}

/** A number, or `cores`: one for each that this process may use. */
export function wholeOrCores(max: number): Kind<number> {
  const number = whole(1, max);
  return kind(`${number.takes}, or cores`, (given) =>
    given === 'cores' ? Math.min(availableParallelism(), max) : number.read(given)?.value,
  );
}

/** Days, parts of one included. */
export function days(max: number): Kind<number> {
  return kind(`a number of days above 0, up to ${max}`, (given) =>
    /^\d+(\.\d+)?$/.test(given) && Number(given) > 0 ? within(Number(given), 0, max) : undefined,
  );
}

/** Comma separated, or the option given several times. */
export function list(item: Kind<string>): Kind<readonly string[]> {
  return kind(`a list, each ${item.takes}`, (given) => {
    const parts = given.split(',').map((part) => part.trim());
    const values = parts.filter((part) => part !== '').map((part) => item.read(part)?.value);
    return values.every((value) => value !== undefined) ? values : undefined;
  });
}

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type UnitOfTime = keyof typeof UNIT_MS;

/** `250ms`, `10s`, `5m`, `2h`, `30d` → milliseconds. The limits are written the same way. */
export function duration(min: string, max: string): Kind<number> {
  const takes = `a duration such as 250ms, 10s, 5m or 30d, from ${min} to ${max}`;
  return { ...kind(takes, (given) => within(toMs(given), toMs(min), toMs(max))), unit: 'ms' };
}

function toMs(given: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(given) ?? [];
  return amount === undefined ? Number.NaN : Number(amount) * UNIT_MS[unit as UnitOfTime];
}

const UNIT_BYTES = { '': 1, k: 1_024, m: 1_048_576, g: 1_073_741_824, t: 1_099_511_627_776 } as const;
type UnitOfSize = keyof typeof UNIT_BYTES;

/** `4096`, `64k`, `8m`, `1g` → bytes. The limits are written the same way. */
export function size(min: string, max: string): Kind<number> {
  return kind(`a size such as 4096, 64k or 8m, from ${min} to ${max}`, (given) =>
    within(toBytes(given), toBytes(min), toBytes(max)),
  );
}

function toBytes(given: string): number {
  const [, amount, unit = ''] = /^(\d+)([kmgt]?)$/.exec(given.toLowerCase()) ?? [];
  return amount === undefined ? Number.NaN : Number(amount) * UNIT_BYTES[unit as UnitOfSize];
}

export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

/** `600/10s`; `0` is no limit. */
export function rate(): Kind<Rate | undefined> {
  return {
    takes: 'a rate such as 600/10s, or 0 for no limit',
    read(given) {
      if (given === '0') return { value: undefined };
      const [amount = '', per = '', ...rest] = given.split('/');
      const perMs = toMs(/^\d/.test(per) ? per : `1${per}`);
      const count = /^\d+$/.test(amount) ? within(Number(amount), 1, 1e9) : undefined;
      return count === undefined || !(perMs >= 1) || rest.length > 0
        ? undefined
        : { value: { count, perMs } };
    },
  };
}

export interface Faults {
  /** Chances, 0…1. */
  readonly drop: number;
  readonly duplicate: number;
  readonly reorder: number;
  /** At most so many milliseconds late. */
  readonly delayMs: number;
}

/** `adapter.drop=0.2,adapter.delay=50,…` */
export function faults(): Kind<Faults> {
  const takes =
    'a list of adapter.drop=, adapter.duplicate=, adapter.reorder= (chances from 0 to 1) and adapter.delay= (ms up to 60000)';
  return kind(takes, (given) => {
    const found = { drop: 0, duplicate: 0, reorder: 0, delay: 0 };
    for (const part of given.split(',')) {
      const [, word, number] =
        /^adapter\.(drop|duplicate|reorder|delay)=(\d+(?:\.\d+)?)$/.exec(part.trim()) ?? [];
      if (word === undefined || Number(number) > (word === 'delay' ? 60_000 : 1)) return undefined;
      found[word as keyof typeof found] = Number(number);
    }
    const { delay: delayMs, ...chances } = found;
    return { ...chances, delayMs };
  });
}
