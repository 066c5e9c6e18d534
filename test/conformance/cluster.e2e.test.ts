import { killWorkerOf } from '../support/kill-worker.ts';
import { startServer } from '../support/server.ts';
import { conformance } from './conformance.ts';

conformance('adapter cluster', async () => {
  const server = await startServer({ adapter: 'cluster', workers: 2, args: ['--namespaces', '/acme'] });
  return {
    urls: [server.url],
    killWorker: () => killWorkerOf(server),
    close: async () => server[Symbol.asyncDispose](),
  };
});
