/** Long lists in parts, so that Redis serves others in between. */

export function chunks<T>(items: readonly T[], size: number): (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let at = 0; at < items.length; at += size) parts.push(items.slice(at, at + size));
  return parts;
}

/** Steps in flight at once. */
const WINDOW = 64;

export async function inWindows<T, R>(items: readonly T[], step: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const part of chunks(items, WINDOW)) results.push(...(await Promise.all(part.map(step))));
  return results;
}
