/** The load processes of one scenario, from the side of `compare`, and the sum of their results. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addFaults } from './checker.ts';
import { Latency, type LatencySummary } from './latency.ts';
import type { LoadOptions, LoadResult, RunOptions } from './load.ts';
import type { LoadCommand, LoadReport } from './load-messages.ts';

/** Beside this file, with the same ending: `.js` once built. */
const ENTRY = fileURLToPath(new URL(`load-process${extname(import.meta.url)}`, import.meta.url));

export interface LoadPoolOptions extends Omit<LoadOptions, 'part' | 'parts'> {
  readonly processes: number;
  readonly env: NodeJS.ProcessEnv;
  /** Ends the processes; what waits for them rejects. */
  readonly signal?: AbortSignal | undefined;
}

export interface LoadTotals
  extends Omit<LoadResult, 'delivery' | 'ack' | 'lateness' | 'joining' | 'recovery'> {
  readonly joining: LatencySummary;
  readonly recovery: LatencySummary;
  readonly delivery: LatencySummary;
  readonly ack: LatencySummary;
  readonly lateness: LatencySummary;
}

export class LoadPool {
  readonly #children: readonly ChildProcess[];

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
  }

  /** All processes started, all clients connected and joined. */
  static async connect({ processes, env, signal, ...options }: LoadPoolOptions): Promise<LoadPool> {
    const parts = Math.min(processes, options.rooms);
    const children = Array.from({ length: parts }, () =>
      fork(ENTRY, [], { env, execArgv: [], serialization: 'advanced' }),
    );
    const pool = new LoadPool(children);
    for (const child of children) {
      const kill = (): void => void child.kill('SIGKILL');
      signal?.addEventListener('abort', kill, { once: true });
      child.once('exit', () => signal?.removeEventListener('abort', kill));
    }
    try {
      await Promise.all(
        children.map((child, part) =>
          ask(child, { type: 'connect', options: { ...options, part, parts } }, 'connected'),
        ),
      );
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  /** What connecting took; nothing was posted. */
  async joined(): Promise<LoadTotals> {
    const reports = await Promise.all(
      this.#children.map((child) => ask(child, { type: 'joined' }, 'result')),
    );
    return total(reports.map(({ result }) => result));
  }

  get pids(): readonly number[] {
    return this.#children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  async run(options: RunOptions, onProgress: (deliveries: number) => void = () => {}): Promise<LoadTotals> {
    const latest = this.#children.map(() => 0);
    const results = await Promise.all(
      this.#children.map(async (child, part) => {
        const report = await ask(child, { type: 'run', options }, 'result', (deliveries) => {
          latest[part] = deliveries;
          onProgress(latest.reduce((a, b) => a + b, 0));
        });
        return report.result;
      }),
    );
    return total(results);
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, 'exit');
        if (child.connected) child.send({ type: 'close' } satisfies LoadCommand, () => {});
        else child.kill('SIGKILL');
        await gone;
      }),
    );
  }
}

/** Sends a command and waits for its report; a process that fails or ends rejects. */
function ask<T extends LoadReport['type']>(
  child: ChildProcess,
  command: LoadCommand,
  answer: T,
  onProgress: (deliveries: number) => void = () => {},
): Promise<Extract<LoadReport, { type: T }>> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      child.off('message', onMessage);
      child.off('exit', onExit);
    };
    const onMessage = (report: LoadReport): void => {
      if (report.type === 'progress') return onProgress(report.deliveries);
      stop();
      if (isReport(report, answer)) resolve(report);
      else reject(new Error(report.type === 'failed' ? report.message : `unexpected ${report.type}`));
    };
    const onExit = (code: number | null): void => {
      stop();
      reject(new Error(`a load process ended with ${code}`));
    };
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.send(command, (error) => {
      if (error === null) return;
      stop();
      reject(error);
    });
  });
}

function isReport<T extends LoadReport['type']>(
  report: LoadReport,
  type: T,
): report is Extract<LoadReport, { type: T }> {
  return report.type === type;
}

function summary(texts: readonly string[]): LatencySummary {
  const latency = new Latency();
  for (const text of texts) latency.add(text);
  return latency.summary;
}

export function total(results: readonly LoadResult[]): LoadTotals {
  const sum = (pick: (result: LoadResult) => number): number =>
    results.reduce((a, result) => a + pick(result), 0);
  const refused: Record<string, number> = {};
  for (const result of results)
    for (const [code, count] of Object.entries(result.refused)) refused[code] = (refused[code] ?? 0) + count;
  return {
    deliveries: sum((r) => r.deliveries),
    deliveredBytes: sum((r) => r.deliveredBytes),
    frames: sum((r) => r.frames),
    acks: sum((r) => r.acks),
    allPosts: sum((r) => r.allPosts),
    allAcks: sum((r) => r.allAcks),
    allDeliveries: sum((r) => r.allDeliveries),
    refused,
    durabilities: [...new Set(results.flatMap((r) => r.durabilities))],
    faults: results.map((r) => r.faults).reduce(addFaults),
    contradictions: sum((r) => r.contradictions),
    unanswered: sum((r) => r.unanswered),
    lostEvents: sum((r) => r.lostEvents),
    closed: sum((r) => r.closed),
    away: sum((r) => r.away),
    reasons: [...new Set(results.flatMap((r) => r.reasons))],
    parsedFrames: sum((r) => r.parsedFrames),
    parsedMs: sum((r) => r.parsedMs),
    joining: summary(results.map((r) => r.joining)),
    recovery: summary(results.map((r) => r.recovery)),
    delivery: summary(results.map((r) => r.delivery)),
    ack: summary(results.map((r) => r.ack)),
    lateness: summary(results.map((r) => r.lateness)),
  };
}
