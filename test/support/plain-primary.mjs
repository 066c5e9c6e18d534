/**
 * The real primary (from dist/) with the plain worker, in a process of its own: `cluster.fork`
 * inside a test would run the test again. Talks to the test over its IPC channel.
 */
import { fileURLToPath } from 'node:url';
import { startPrimary } from '../../dist/primary/main.js';

const options = JSON.parse(process.env.PLAIN_PRIMARY ?? '{}');
const say = (message) => process.connected && process.send(message, undefined, {}, () => {});
const log = (level) => (fields, text) => say({ event: 'log', level, fields, text });

try {
  const primary = await startPrimary({
    port: 0,
    adapter: 'cluster',
    workerEntry: fileURLToPath(new URL('./plain-worker.mjs', import.meta.url)),
    node: 'test',
    log: { info: log('info'), warn: log('warn'), error: log('error') },
    onReady: (url) => say({ event: 'ready', url }),
    ...options,
  });
  say({ event: 'listening', url: primary.url });
  const answer = async ({ id, ask }) => say({ event: 'reply', id, value: await primary[ask]() });
  process.on('message', (question) => void answer(question));
  // The test is gone: so is its server.
  process.on('disconnect', () => process.exit(70));
  const exitCode = await primary.closed;
  process.exit(exitCode);
} catch (error) {
  say({ event: 'log', level: 'error', fields: {}, text: error.message });
  setTimeout(() => process.exit(error.exitCode ?? 1), 20);
}
