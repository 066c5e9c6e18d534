import { startServer, type RunningServer } from '../support/server.ts';
import { until } from '../support/client.ts';
import { conformance } from './conformance.ts';

/** kill -9 of a random worker; resolves when it is gone and another one has taken its place. */
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

conformance('adapter cluster', async () => {
  const server = await startServer({ adapter: 'cluster', workers: 2, args: ['--namespaces', '/acme'] });
  return {
    urls: [server.url],
    killWorker: () => killWorkerOf(server),
    close: () => server[Symbol.asyncDispose](),
  };
});
