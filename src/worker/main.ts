/**
 * The entry of a worker process: speaks first, waits for `begin`, runs the worker, obeys the
 * primary and nobody else (a terminal's Ctrl-C reaches workers too; TRAPS 8).
 *
 * A worker whose primary is gone ends itself: Node exits it when the channel closes.
 */
import type { WorkerConfig } from '../config/config.ts';
import { isPrimaryMessage, type PrimaryMessage, type WorkerMessage } from '../ops/ipc.ts';
import { loadHooks } from './hooks-module.ts';
import type { Worker } from './worker.ts';

let worker: Promise<Worker> | undefined;

function tell(message: WorkerMessage): void {
  if (process.connected) process.send?.(message, undefined, {}, () => {});
}

function obey(message: PrimaryMessage): void {
  switch (message.type) {
    case 'begin':
      worker ??= begin(message);
      worker.catch(fail);
      break;
    case 'ping':
      tell({ chat: true, type: 'pong', at: message.at });
      break;
    case 'drain':
      drain(message).catch(fail);
      break;
    default:
      message satisfies never;
  }
}

async function begin({ config, slot, node }: Extract<PrimaryMessage, { type: 'begin' }>): Promise<Worker> {
  const { Worker } = await import('./worker.ts');
  const { hooksModule } = config as WorkerConfig;
  // Which process, for support: names the host, the slot and the pid.
  const started = await Worker.open({
    config,
    slot,
    node: `${node}:${slot}:${process.pid}`,
    tell,
    onPanic: fail,
    hooks: hooksModule === undefined ? {} : await loadHooks(hooksModule),
  });
  tell({ chat: true, type: 'ready' });
  return started;
}

async function drain({ reason, overMs }: Extract<PrimaryMessage, { type: 'drain' }>): Promise<void> {
  const running = await worker?.catch(() => undefined);
  await running?.drain(reason, overMs);
  process.exit(0);
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const known = error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number';
  tell({ chat: true, type: 'failed', message, exitCode: known ? Number(error.exitCode) : 70 });
  // The message leaves before the process does.
  setTimeout(() => process.exit(1), 100);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('message', (message) => {
  if (isPrimaryMessage(message)) obey(message);
});
tell({ chat: true, type: 'hello' });
