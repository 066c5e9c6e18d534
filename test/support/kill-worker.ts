import { until } from './client.ts';
import type { RunningServer } from './server.ts';

/** kill -9 of a random worker; resolves when it is gone. */
export async function killWorkerOf(server: RunningServer): Promise<void> {
  const before = server.workers();
  const victim = before[Math.floor(Math.random() * before.length)];
  if (victim === undefined) throw new Error('no worker to kill');
  process.kill(victim, 'SIGKILL');
  await until(
    () => !server.workers().includes(victim),
    5_000,
    () => 'the worker lives',
  );
}
