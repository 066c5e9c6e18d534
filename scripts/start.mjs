/**
 * `npm start -- --workers 8`: installs and builds what is missing or stale, then runs the server
 * in this very process, so signals and the exit code need no passing on.
 *
 * Without dependencies, and with nothing newer than the version check before the version check.
 */
import { checkNode } from './lib/node-version.mjs';

checkNode();

const { prepare } = await import('./lib/prepare.mjs');
await prepare();

/**
 * Under npm a Ctrl-C arrives twice: the terminal sends it to everybody, and npm passes on its
 * own. A second signal ends the server at once, so what comes twice within a moment is one.
 */
const ECHO_MS = 300;
const emit = process.emit;
let lastAt = Number.NEGATIVE_INFINITY;
process.emit = function (name, ...rest) {
  if (name === 'SIGINT' || name === 'SIGTERM') {
    const isEcho = performance.now() - lastAt < ECHO_MS;
    lastAt = performance.now();
    if (isEcho) return true;
  }
  return emit.call(this, name, ...rest);
};

/** npm waits for us. When it is gone without having passed on a signal, nobody else would end the server. */
const PARENT_CHECK_MS = 500;
const parent = process.ppid;
if (process.env.npm_lifecycle_event !== undefined) {
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, PARENT_CHECK_MS);
  watch.unref();
}

await import('../bin/chat-server.js');
