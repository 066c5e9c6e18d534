/** `chat-server [start]`: a server from flags and environment, to its exit code. */
import { loadConfig } from '../config/config.ts';
import { runServer } from '../library/run-server.ts';
import { keepYoungHeapSmall } from '../primary/v8-settings.ts';
import type { Flags } from './command-line.ts';

/** Resolves with the exit code when the server has ended. */
export async function start(flags: Flags, mistakes: readonly string[]): Promise<number> {
  keepYoungHeapSmall();
  const loaded = loadConfig(flags, process.env, mistakes);
  // Only its hash is held, and no worker inherits it.
  delete process.env['CHAT_API_KEY'];
  const server = await runServer(loaded, {
    handlesSignals: true,
    onReady: (url) => process.stdout.write(`chat-server ready ${url}\n`),
  });
  return server.closed;
}
