/**
 * Starts the primary: the port, then the workers behind it.
 *
 * Owns the order of start and end, and the exit code. Prints nothing: it logs through the
 * given log and calls back. One primary for each process: `cluster` is global.
 */
import cluster from 'node:cluster';
import { AdapterRelay } from './adapter-relay.ts';
import { EXIT_SOFTWARE, EXIT_UNAVAILABLE, PrimaryError } from './errors.ts';
import type { FrontLimits } from './front-limits.ts';
import { Front, type FrontCounts } from './front.ts';
import type { PrimaryLog } from './primary-log.ts';
import { handleSignals, type SignalActions } from './signals.ts';
import type { SupervisorSettings } from './supervisor-settings.ts';
import { workerArguments } from './v8-settings.ts';
import { Supervisor, type WorkerReport } from './supervisor.ts';

export interface PrimaryOptions {
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0 takes a free one. Default 3000. */
  readonly port?: number | undefined;
  readonly workers: number;
  /** `cluster`: workers talk to each other through this process. */
  readonly adapter: 'cluster' | 'redis';
  /** Path of the worker's script. */
  readonly workerEntry: string;
  /** Passed to the workers as it is; must be a value that can be cloned. */
  readonly config: unknown;
  /** Name of this host, for support. */
  readonly node: string;
  readonly log: PrimaryLog;
  readonly limits?: Partial<FrontLimits> | undefined;
  readonly supervision?: Partial<SupervisorSettings> | undefined;
  /** Whether SIGTERM, SIGINT and SIGHUP are this server's. Default true. */
  readonly handlesSignals?: boolean | undefined;
  /** All workers are ready for the first time. */
  readonly onReady?: ((url: string) => void) | undefined;
  /** The server gives up; `closed` resolves with the error's exit code afterwards. */
  readonly onFatal?: ((error: PrimaryError) => void) | undefined;
}

export interface RunningPrimary {
  /** An address that can be connected to. */
  readonly url: string;
  /** The exit code. Everything this primary started is gone by then. */
  readonly closed: Promise<number>;
  /** Stops accepting, lets the workers finish, and ends with 0. */
  drain(): Promise<void>;
  /** Resolves with whether the workers were replaced. */
  reload(): Promise<boolean>;
  workers(): WorkerReport[];
  counts(): FrontCounts;
}

/** Rejects with a `PrimaryError` when the port cannot be had. */
export async function startPrimary(options: PrimaryOptions): Promise<RunningPrimary> {
  const { host = '127.0.0.1', port = 3_000, workers, config, node, log, onReady, onFatal } = options;
  // Sticky's hand-off needs the advanced serialization: with JSON every connection closes (TRAPS 1.1).
  cluster.setupPrimary({
    exec: options.workerEntry,
    args: [],
    execArgv: workerArguments(),
    serialization: 'advanced',
  });
  const relay = options.adapter === 'cluster' ? new AdapterRelay() : undefined;
  const front = new Front(options.limits);
  const url = await listen(front, host, port);

  let settle: (exitCode: number) => void = () => undefined;
  const closed = new Promise<number>((resolve) => {
    settle = resolve;
  });
  const supervisor = new Supervisor({ workers, config, node, settings: options.supervision }, log, {
    onForked: ({ worker }) => front.enrol(worker),
    onServing: ({ worker }) => front.open(worker),
    onRetired: ({ worker }) => front.retire(worker),
    onLost: ({ worker }) => {
      front.drop(worker);
      relay?.drop(worker);
    },
    onComplete: () => onReady?.(url),
    onGaveUp: (error) => {
      log.error({ exitCode: error.exitCode }, error.message);
      onFatal?.(error);
      void end(error.exitCode, 'the server gives up');
    },
  });

  let exitCode = 0;
  let drained: Promise<void> | undefined;
  const close = (): void => {
    stopSignals();
    front.close();
    settle(exitCode);
  };
  const end = async (code: number, reason: string): Promise<void> => {
    exitCode = code;
    front.stopAccepting();
    await supervisor.kill(reason);
    close();
  };
  const drain = (): Promise<void> => {
    drained ??= (async () => {
      log.info(front.counts, 'draining');
      front.stopAccepting();
      await supervisor.drain();
      close();
    })();
    return drained;
  };
  const reload = (): Promise<boolean> => supervisor.reload();
  const { handlesSignals = true } = options;
  const actions: SignalActions = {
    drain: () => void drain(),
    end: (code) => void end(code, 'a second signal'),
    reload: () => void reload(),
    onUncaught: (error) => {
      log.error({ err: error }, 'uncaught exception in the primary');
      void end(EXIT_SOFTWARE, 'the primary failed');
    },
  };
  const stopSignals = handlesSignals ? handleSignals(actions) : () => {};
  supervisor.start();
  return {
    url,
    closed,
    drain,
    reload,
    workers: () => supervisor.workers(),
    counts: () => front.counts,
  };
}

async function listen(front: Front, host: string, port: number): Promise<string> {
  try {
    return urlOf(host, await front.listen(host, port));
  } catch (error) {
    front.close();
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    const why = isTaken ? 'it is taken' : error instanceof Error ? error.message : String(error);
    throw new PrimaryError(`cannot listen on ${host} port ${port}: ${why}`, EXIT_UNAVAILABLE, {
      cause: error,
    });
  }
}

/** "Everywhere" is no address to connect to; the loopback of the same family is. */
function urlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
