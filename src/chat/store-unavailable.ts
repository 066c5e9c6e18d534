/** That the store does not answer, as an error. */

/** The store cannot be reached, or cannot write now. Told to peers as `unavailable`. */
export class StoreUnavailable extends Error {
  /** Of a process that cannot start without it (sysexits: EX_UNAVAILABLE). */
  readonly exitCode = 69;

  constructor(message: string, { cause }: { readonly cause?: unknown } = {}) {
    super(message, { cause });
    this.name = 'StoreUnavailable';
  }
}
