/** The times and counts by which workers are started, watched and ended, and their defaults. */
export interface SupervisorSettings {
  readonly bootMs: number;
  /** How often workers are pinged. */
  readonly pingMs: number;
  /** A worker that has not answered for this long is killed, unless the kernel holds it. */
  readonly frozenMs: number;
  /** How often deadlines are looked at. */
  readonly watchMs: number;
  /** Wait before a worker that did not become ready is started again; doubles each time. */
  readonly restartMs: number;
  readonly maxRestartMs: number;
  /** The same, for a worker that only waits for what is away (its store). */
  readonly maxAwayMs: number;
  /** Deaths before ready of one slot, in a row, before giving up when nobody serves. */
  readonly maxFailedStarts: number;
  /** A worker that dies within this time of being ready is started again only after it. */
  readonly earlyMs: number;
  /** In how many waves the old workers drain at a reload. */
  readonly reloadWaves: number;
  /** Over which time a worker sends its clients away, at a reload and at the end. */
  readonly reloadOverMs: number;
  readonly shutdownOverMs: number;
  /** After that time: until the worker must be gone. */
  readonly drainDeadlineMs: number;
}

const DEFAULTS: SupervisorSettings = {
  bootMs: 60_000,
  pingMs: 1_000,
  frozenMs: 4_000,
  watchMs: 250,
  restartMs: 250,
  maxRestartMs: 30_000,
  maxAwayMs: 2_000,
  maxFailedStarts: 3,
  earlyMs: 500,
  reloadWaves: 4,
  reloadOverMs: 5_000,
  shutdownOverMs: 2_000,
  drainDeadlineMs: 10_000,
};

export function supervisorSettings(settings: Partial<SupervisorSettings>): SupervisorSettings {
  return { ...DEFAULTS, ...settings };
}
