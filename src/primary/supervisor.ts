/**
 * Keeps one serving worker in each slot, from start to drain.
 *
 * Owns when workers are forked, restarted, replaced and ended. It gives no clients to anyone:
 * it says which worker can take them, and main.ts tells the front. One that served and died is
 * replaced at once; one that dies before it is ready is tried again later each time, and when
 * nobody serves meanwhile the supervisor gives up, with the worker's own reason. What a server
 * that was complete needs and cannot have for a while (its store) is waited for instead.
 */
import type { PrimaryLog } from './primary-log.ts';
import { EXIT_CONFIG, EXIT_SOFTWARE, EXIT_UNAVAILABLE, PrimaryError } from './errors.ts';
import { type SupervisorSettings, supervisorSettings } from './supervisor-settings.ts';
import { type WorkerEvents, WorkerProcess } from './worker-process.ts';

export interface SupervisorOptions {
  readonly workers: number;
  /** Passed to the workers as it is. */
  readonly config: unknown;
  readonly node: string;
  readonly settings?: Partial<SupervisorSettings> | undefined;
}

export interface SupervisorEvents {
  onForked(process: WorkerProcess): void;
  /** It may get clients. */
  onServing(process: WorkerProcess): void;
  /** It gets no new clients. */
  onRetired(process: WorkerProcess): void;
  /** Nothing reaches it any more. */
  onLost(process: WorkerProcess): void;
  /** Every slot has a serving worker for the first time. */
  onComplete(): void;
  onGaveUp(error: PrimaryError): void;
}

interface Seat {
  readonly slot: number;
  process: WorkerProcess | undefined;
  /** Deaths before ready, in a row. */
  failedStarts: number;
  restart: NodeJS.Timeout | undefined;
}

export interface WorkerReport {
  readonly slot: number;
  readonly pid: number | undefined;
  readonly stage: string;
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly sockets: number;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #settings: SupervisorSettings;
  readonly #log: PrimaryLog;
  readonly #events: SupervisorEvents;
  readonly #seats: readonly Seat[];

  /** Every process that is not gone: those in seats, newcomers and the draining. */
  readonly #processes = new Set<WorkerProcess>();
  #watch: NodeJS.Timeout | undefined;
  #watchedAt = 0;
  #pingedAt = 0;
  #isComplete = false;
  #isStopping = false;
  #reloading: Promise<boolean> | undefined;

  constructor(options: SupervisorOptions, log: PrimaryLog, events: SupervisorEvents) {
    this.#options = options;
    this.#settings = supervisorSettings(options.settings ?? {});
    this.#log = log;
    this.#events = events;
    this.#seats = Array.from({ length: options.workers }, (_, slot) => ({
      slot,
      process: undefined,
      failedStarts: 0,
      restart: undefined,
    }));
  }

  start(): void {
    for (const seat of this.#seats) this.#fill(seat);
    this.#watchedAt = performance.now();
    this.#watch = setInterval(() => this.#handleWatch(), this.#settings.watchMs);
  }

  workers(): WorkerReport[] {
    return [...this.#processes].map(({ slot, pid, stage, status }) => ({ slot, pid, stage, ...status }));
  }

  /**
   * Replaces every worker: all new ones are ready before the first old one drains. Resolves
   * with whether it came to that; where a new one cannot start, the old ones go on serving.
   */
  reload(): Promise<boolean> {
    if (this.#isStopping) return Promise.resolve(false);
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  /** Lets every worker finish; resolves when all are gone. */
  async drain(): Promise<void> {
    this.#stop();
    const { shutdownOverMs, drainDeadlineMs } = this.#settings;
    for (const process of this.#processes) this.#events.onRetired(process);
    await Promise.all(
      [...this.#processes].map((process) => process.drain('shutdown', shutdownOverMs, drainDeadlineMs)),
    );
    clearInterval(this.#watch);
  }

  /** Ends every worker at once. */
  async kill(reason: string): Promise<void> {
    this.#stop();
    clearInterval(this.#watch);
    const ending = [...this.#processes];
    for (const process of ending) process.kill(reason);
    await Promise.all(ending.map(({ exited }) => exited));
  }

  #stop(): void {
    this.#isStopping = true;
    for (const seat of this.#seats) clearTimeout(seat.restart);
  }

  #fill(seat: Seat): void {
    seat.restart = undefined;
    seat.process = this.#fork(seat.slot, {
      onReady: (process) => {
        seat.failedStarts = 0;
        this.#serve(process);
      },
      onGone: (process) => this.#handleGone(seat, process),
    });
  }

  #fork(slot: number, events: Pick<WorkerEvents, 'onReady' | 'onGone'>): WorkerProcess {
    const { config, node } = this.#options;
    return new WorkerProcess({ config, slot, node }, this.#settings, {
      ...events,
      onForked: (process) => {
        this.#processes.add(process);
        this.#events.onForked(process);
      },
      onLost: (process) => this.#events.onLost(process),
      onGone: (process) => {
        this.#processes.delete(process);
        events.onGone(process);
      },
      onKilled: ({ pid }, reason) => this.#log.warn({ slot, pid, reason }, 'worker killed'),
      onHeld: ({ pid }, silentMs) =>
        this.#log.warn({ slot, pid, silentMs: Math.round(silentMs) }, 'worker waits for the disk'),
    });
  }

  #serve(process: WorkerProcess): void {
    if (this.#isStopping) return;
    const { slot, pid } = process;
    this.#log.info({ slot, pid }, 'worker ready');
    this.#events.onServing(process);
    if (this.#isComplete || !this.#seats.every((seat) => seat.process?.stage === 'serving')) return;
    this.#isComplete = true;
    this.#events.onComplete();
  }

  /** Only for the process that holds the seat: what drains has left it before. */
  #handleGone(seat: Seat, process: WorkerProcess): void {
    if (this.#isStopping || seat.process !== process) return;
    seat.process = undefined;
    const { pid, exit, failure } = process;
    if (process.hasServed) {
      // One that keeps dying as soon as it serves is not restarted in a tight loop.
      const isEarly = process.servedMs(performance.now()) < this.#settings.earlyMs;
      this.#log.error({ slot: seat.slot, pid, ...exit, reason: failure?.message }, 'worker died');
      this.#restart(seat, isEarly ? this.#settings.earlyMs : 0);
      return;
    }
    seat.failedStarts += 1;
    const isServing = this.#seats.some((other) => other.process?.stage === 'serving');
    const isAway = this.#isComplete && failure?.exitCode === EXIT_UNAVAILABLE;
    const isFinal = failure?.exitCode === EXIT_CONFIG || seat.failedStarts >= this.#settings.maxFailedStarts;
    if (isFinal && !isAway && (!isServing || !this.#isComplete)) {
      this.#giveUp(process, seat.failedStarts);
      return;
    }
    const { restartMs, maxRestartMs, maxAwayMs } = this.#settings;
    const inMs = Math.min(restartMs * 2 ** (seat.failedStarts - 1), isAway ? maxAwayMs : maxRestartMs);
    const say = seat.failedStarts < this.#settings.maxFailedStarts ? this.#log.warn : this.#log.error;
    const fields = { slot: seat.slot, pid, ...exit, failedStarts: seat.failedStarts, inMs };
    say.call(this.#log, { ...fields, reason: failure?.message }, 'worker did not become ready');
    this.#restart(seat, inMs);
  }

  #restart(seat: Seat, inMs: number): void {
    if (inMs === 0) this.#fill(seat);
    else seat.restart = setTimeout(() => this.#fill(seat), inMs);
  }

  #giveUp({ failure, exit }: WorkerProcess, failedStarts: number): void {
    this.#stop();
    const ended = exit?.signal ?? `exit code ${exit?.code ?? 'unknown'}`;
    const reason = failure?.message ?? `it ended with ${ended} before it was ready`;
    const times = failedStarts === 1 ? '' : ` (${failedStarts} times in a row)`;
    const exitCode = failure?.exitCode ?? EXIT_SOFTWARE;
    this.#events.onGaveUp(new PrimaryError(`a worker cannot start${times}: ${reason}`, exitCode));
  }

  async #reload(): Promise<boolean> {
    this.#log.info({ workers: this.#seats.length }, 'reload: starting new workers');
    const newcomers = await this.#raise();
    // A drain may have begun meanwhile; it ends the newcomers with the others.
    if (newcomers === undefined || this.#isStopping) return false;
    const old = this.#seats.flatMap((seat, index) => {
      clearTimeout(seat.restart);
      const former = seat.process;
      seat.process = newcomers[index];
      seat.failedStarts = 0;
      return former === undefined ? [] : [former];
    });
    for (const process of newcomers) this.#serve(process);
    // All of them before the first drains, or its clients would come to the next one to go.
    for (const process of old) this.#events.onRetired(process);
    const { reloadWaves, reloadOverMs, drainDeadlineMs } = this.#settings;
    const waveSize = Math.ceil(old.length / reloadWaves);
    for (let at = 0; at < old.length; at += waveSize) {
      const wave = old.slice(at, at + waveSize);
      await Promise.all(wave.map((process) => process.drain('reload', reloadOverMs, drainDeadlineMs)));
    }
    this.#log.info({ workers: newcomers.length }, 'reload: done');
    return true;
  }

  /** A new worker for each slot, all ready; undefined when one could not start. */
  async #raise(): Promise<WorkerProcess[] | undefined> {
    const newcomers: WorkerProcess[] = [];
    let missing = this.#seats.length;
    await new Promise<void>((resolve) => {
      const handleReady = (): void => {
        missing -= 1;
        if (missing === 0) resolve();
      };
      for (const seat of this.#seats) {
        const handleGone = (process: WorkerProcess): void => {
          resolve();
          this.#handleGone(seat, process);
        };
        newcomers.push(this.#fork(seat.slot, { onReady: handleReady, onGone: handleGone }));
      }
    });
    const dead = newcomers.find(({ stage }) => stage === 'gone');
    if (dead === undefined || this.#isStopping) return newcomers;
    const reason = dead.failure?.message ?? 'it ended before it was ready';
    this.#log.error(
      { slot: dead.slot, ...dead.exit, reason },
      'reload failed: the old workers go on serving',
    );
    for (const newcomer of newcomers) newcomer.kill('the reload failed');
    return undefined;
  }

  #handleWatch(): void {
    const now = performance.now();
    const { watchMs, pingMs } = this.#settings;
    // After a standstill of our own (a stopped or suspended host) nobody is to blame.
    const stoodStill = now - this.#watchedAt > watchMs + pingMs;
    this.#watchedAt = now;
    const isPingDue = now - this.#pingedAt >= pingMs;
    if (isPingDue) this.#pingedAt = now;
    for (const process of this.#processes) {
      if (stoodStill) process.excuse(now);
      if (isPingDue) process.ping(now);
      process.check(now);
    }
  }
}
