/**
 * When a worker sends: in turns, each sending everything that gathered since the last.
 *
 * A turn comes at once while there is little to send. A turn that took long is followed by a
 * pause as long, in which posts are read and stored, so that under load more goes out with each
 * write to a socket: sending one by one would cost more the more there is to send.
 */
export interface SendTurnsOptions {
  /** Runs the task when what is under way in this turn of the event loop is done. */
  readonly defer: (task: () => void) => void;
  /** Runs the task after so many milliseconds. */
  readonly after: (ms: number, task: () => void) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly onFault: (error: unknown) => void;
  readonly maxPauseMs?: number | undefined;
}

export class SendTurns {
  readonly #options: SendTurnsOptions;
  readonly #maxPauseMs: number;
  #tasks: (() => void)[] = [];
  #last: (() => void)[] = [];
  #isAsked = false;
  #isPaused = false;

  constructor(options: SendTurnsOptions) {
    this.#options = options;
    this.#maxPauseMs = options.maxPauseMs ?? 20;
  }

  /** Runs the task in the next turn. */
  readonly add = (task: () => void): void => {
    this.#tasks.push(task);
    this.#ask();
  };

  /** Runs the task at the end of the next turn, behind what `add` was given. */
  readonly addLast = (task: () => void): void => {
    this.#last.push(task);
    this.#ask();
  };

  readonly #ask = (): void => {
    if (this.#isAsked || this.#isPaused) return;
    this.#isAsked = true;
    this.#options.defer(this.#run);
  };

  readonly #run = (): void => {
    const { now, after } = this.#options;
    this.#isAsked = true;
    const began = now();
    this.#runAll();
    this.#isAsked = false;
    const pauseMs = Math.min(this.#maxPauseMs, Math.floor(now() - began));
    if (pauseMs < 1) return this.#goOn(this.#ask);
    this.#isPaused = true;
    after(pauseMs, () => {
      this.#isPaused = false;
      this.#goOn(this.#run);
    });
  };

  #goOn(next: () => void): void {
    if (this.#tasks.length > 0 || this.#last.length > 0) next();
  }

  #runAll(): void {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) this.#try(task);
    const last = this.#last;
    this.#last = [];
    for (const task of last) this.#try(task);
  }

  #try(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.#options.onFault(error);
    }
  }
}
