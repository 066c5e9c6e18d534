/** So many in so long. */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
}
