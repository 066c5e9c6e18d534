/** The primary cannot go on. The exit code says whose fault it is. */
export class PrimaryError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number, { cause }: { readonly cause?: unknown } = {}) {
    super(message, { cause });
    this.name = 'PrimaryError';
    this.exitCode = exitCode;
  }
}

/** What the server needs cannot be had: a taken port, no Redis. */
export const EXIT_UNAVAILABLE = 69;
/** Our own fault. */
export const EXIT_SOFTWARE = 70;
/** The configuration is wrong; trying again cannot help. */
export const EXIT_CONFIG = 78;
