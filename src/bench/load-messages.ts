/** What `compare` and its load processes tell each other; one union each way. */
import type { LoadOptions, LoadResult, RunOptions } from './load.ts';

export type LoadCommand =
  | { readonly type: 'connect'; readonly options: LoadOptions }
  | { readonly type: 'joined' }
  | { readonly type: 'run'; readonly options: RunOptions }
  | { readonly type: 'close' };

export type LoadReport =
  | { readonly type: 'connected' }
  | { readonly type: 'progress'; readonly deliveries: number }
  | { readonly type: 'result'; readonly result: LoadResult }
  | { readonly type: 'failed'; readonly message: string };
