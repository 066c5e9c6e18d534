/**
 * One worker process, from its fork to its exit.
 *
 *   booting ──ready──▶ serving ──drain──▶ draining ──exit──▶ gone
 *      └────────exit──────┴─────────────────exit──────────────▲
 *
 * Owns its conversation (ops/ipc.ts) and its deadlines; what its end means is decided by the
 * supervisor. A worker whose primary is gone ends itself: Node calls `process.exit(0)` in a
 * cluster worker whose channel closes unexpectedly.
 */
import cluster, { type Worker } from 'node:cluster';
import { isWorkerMessage, type PrimaryMessage, type WorkerMessage } from '../ops/ipc.ts';
import { isUninterruptible } from './process-state.ts';

export type Stage = 'booting' | 'serving' | 'draining' | 'gone';

export interface WorkerBegin {
  readonly config: unknown;
  readonly slot: number;
  readonly node: string;
}

export interface WorkerTimes {
  /** From the fork until it is ready. */
  readonly bootMs: number;
  /** A worker that serves and has not answered for this long is killed, unless the kernel holds it. */
  readonly frozenMs: number;
}

export interface WorkerEvents {
  /** In the tick of the fork. */
  onForked(process: WorkerProcess): void;
  onReady(process: WorkerProcess): void;
  /** Its channel is closed: nothing can be sent to it any more. Comes before `onGone`. */
  onLost(process: WorkerProcess): void;
  onGone(process: WorkerProcess): void;
  onKilled(process: WorkerProcess, reason: string): void;
  /** It is silent because the kernel holds it, and is not killed; told once. */
  onHeld(process: WorkerProcess, silentMs: number): void;
}

/** How it ended. */
export interface WorkerExit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface WorkerFailure {
  readonly message: string;
  readonly exitCode: number;
}

export interface WorkerStatus {
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly sockets: number;
}

export class WorkerProcess {
  readonly worker: Worker;
  readonly slot: number;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<WorkerExit>;

  readonly #begin: WorkerBegin;
  readonly #times: WorkerTimes;
  readonly #events: WorkerEvents;
  readonly #forkedAt = performance.now();

  #stage: Stage = 'booting';
  #heardAt = performance.now();
  #readyAt: number | undefined;
  #isLost = false;
  #isKilled = false;
  #isHeld = false;
  #failure: WorkerFailure | undefined;
  #status: WorkerStatus = { ready: false, reasons: ['booting'], sockets: 0 };
  #exit: WorkerExit | undefined;

  constructor(begin: WorkerBegin, times: WorkerTimes, events: WorkerEvents) {
    this.#begin = begin;
    this.slot = begin.slot;
    this.#times = times;
    this.#events = events;
    this.worker = cluster.fork();
    this.exited = new Promise((resolve) => {
      const end = (exit: WorkerExit): void => {
        if (this.#exit !== undefined) return;
        this.#exit = exit;
        this.#lose();
        this.#stage = 'gone';
        resolve(exit);
        events.onGone(this);
      };
      this.worker.on('exit', (code, signal) => end({ code, signal }));
      this.worker.on('error', (error: Error) => {
        // A process that could not even be made has no exit event.
        if (this.worker.process.pid !== undefined) return;
        this.#failure = { message: `cannot fork: ${error.message}`, exitCode: 70 };
        end({ code: null, signal: null });
      });
    });
    this.worker.on('disconnect', () => this.#lose());
    this.worker.on('message', (message: unknown) => {
      if (isWorkerMessage(message)) this.#handleMessage(message);
    });
    events.onForked(this);
  }

  get stage(): Stage {
    return this.#stage;
  }

  get pid(): number | undefined {
    return this.worker.process.pid;
  }

  get status(): WorkerStatus {
    return this.#status;
  }

  /** What it said of why it cannot start. */
  get failure(): WorkerFailure | undefined {
    return this.#failure;
  }

  get exit(): WorkerExit | undefined {
    return this.#exit;
  }

  get hasServed(): boolean {
    return this.#readyAt !== undefined;
  }

  /** How long it was ready, so far or until it ended. */
  servedMs(now: number): number {
    return this.#readyAt === undefined ? 0 : now - this.#readyAt;
  }

  ping(now: number): void {
    if (this.#stage === 'serving' || this.#stage === 'draining')
      this.#send({ chat: true, type: 'ping', at: now });
  }

  /** The primary itself stood still: nobody could have been heard. */
  excuse(now: number): void {
    this.#heardAt = now;
  }

  /** Kills it when it has been silent, or has been booting, for too long, and killing helps. */
  check(now: number): void {
    if (this.#stage === 'booting' && now - this.#forkedAt > this.#times.bootMs)
      this.kill(`was not ready within ${this.#times.bootMs} ms`);
    const isPinged = this.#stage === 'serving' || (this.#stage === 'draining' && !this.#isLost);
    // It may hold the store's write lock: better dead than frozen.
    if (!isPinged || now - this.#heardAt <= this.#times.frozenMs) return;
    if (!isUninterruptible(this.pid ?? 0)) this.kill(`did not answer for ${this.#times.frozenMs} ms`);
    else if (!this.#isHeld) {
      this.#isHeld = true;
      this.#events.onHeld(this, now - this.#heardAt);
    }
  }

  /** Asks it to finish, and makes sure that it is gone `deadlineMs` later. */
  async drain(reason: 'reload' | 'shutdown', overMs: number, deadlineMs: number): Promise<void> {
    if (this.#stage === 'booting') this.kill('was still booting');
    if (this.#stage === 'serving') {
      this.#stage = 'draining';
      this.#send({ chat: true, type: 'drain', reason, overMs });
    }
    const deadline = setTimeout(
      () => this.kill(`did not finish within ${overMs + deadlineMs} ms`),
      overMs + deadlineMs,
    );
    await this.exited;
    clearTimeout(deadline);
  }

  kill(reason: string): void {
    if (this.#exit !== undefined || this.#isKilled) return;
    this.#isKilled = true;
    this.#events.onKilled(this, reason);
    this.worker.process.kill('SIGKILL');
  }

  #handleMessage(message: WorkerMessage): void {
    this.#heardAt = performance.now();
    this.#isHeld = false;
    switch (message.type) {
      case 'hello':
        this.#send({ chat: true, type: 'begin', ...this.#begin });
        return;
      case 'ready':
        if (this.#stage !== 'booting') return;
        this.#stage = 'serving';
        this.#readyAt = this.#heardAt;
        this.#events.onReady(this);
        return;
      case 'failed':
        this.#failure = { message: message.message, exitCode: message.exitCode };
        return;
      case 'pong':
        return;
      case 'status':
        this.#status = { ready: message.ready, reasons: message.reasons, sockets: message.sockets };
    }
  }

  #lose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#events.onLost(this);
  }

  #send(message: PrimaryMessage): void {
    // A closed channel is reported by `disconnect`, and acted on there.
    if (this.worker.isConnected()) this.worker.send(message, () => undefined);
  }
}
