import { pathToFileURL } from 'node:url';
import type * as Compare from '../../src/bench/compare.ts';

/** `compare` as it was built: it forks its load and its servers from files beside it. */
export async function builtCompare(): Promise<typeof Compare> {
  return import(pathToFileURL('dist/bench/compare.js').href) as Promise<typeof Compare>;
}
