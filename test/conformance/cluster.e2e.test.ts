import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killWorkerOf } from '../support/kill-worker.ts';
import { startServer } from '../support/server.ts';
import { API_ARGS } from './api.ts';
import { conformance, type Subject } from './conformance.ts';

conformance('adapter cluster', open, '/acme');

async function open(): Promise<Subject> {
  const root = mkdtempSync(join(tmpdir(), 'chat-conformance-'));
  const dataDir = join(root, 'data');
  const away = join(root, 'away');
  const args = ['--namespaces', '/acme', ...API_ARGS];
  const server = await startServer({ adapter: 'cluster', workers: 2, dataDir, args });
  return {
    urls: [server.url],
    killWorker: () => killWorkerOf(server),
    breakStore() {
      renameSync(dataDir, away);
      return () => renameSync(away, dataDir);
    },
    async close() {
      await server[Symbol.asyncDispose]();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
