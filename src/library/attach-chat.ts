/**
 * `attachChat`: the chat in a process and on an HTTP server of your own, beside your other routes
 * (Express, Fastify). One process with the embedded store, or any number of them on a Redis;
 * behind a proxy, or a primary of yours, each client must stay at one of them.
 */
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import type { WorkerConfig } from '../config/config.ts';
import { configFromCode, type CodeOptions } from '../config/from-code.ts';
import type { ChatHooks } from '../edge/chat-hooks.ts';
import { createLog } from '../ops/log.ts';
import { claimDataDir } from '../worker/data-dir.ts';
import { Worker } from '../worker/worker.ts';

export type AttachOptions = Omit<CodeOptions, 'workers' | 'host' | 'port'> & {
  /** In this process, so they are functions. */
  readonly hooks?: ChatHooks | undefined;
};

export interface AttachedChat extends AsyncDisposable {
  /**
   * Answers `/healthz`, `/readyz` and `/api/v1`, and hands everything else on: `app.use(chat.middleware)`.
   * `/socket.io/` needs nothing.
   */
  readonly middleware: (request: IncomingMessage, response: ServerResponse, next: () => void) => void;
  /** Lets the clients go and finishes what was begun; the HTTP server stays yours. Twice is the same as once. */
  close(): Promise<void>;
}

/** Rejects with `ConfigError`, or with what keeps it from starting: the data directory, Redis. */
export async function attachChat(http: HttpServer, options: AttachOptions = {}): Promise<AttachedChat> {
  const { hooks, ...given } = options;
  const { config, warnings } = configFromCode(given);
  const log = createLog({ level: config.logLevel, format: config.logFormat, name: 'chat' });
  for (const warning of warnings) log.warn({}, warning);
  // Whose server it is and who can reach it is not known here.
  if (config.auth === 'guest')
    log.warn({}, 'anybody who reaches this server may chat under any name (auth: guest)');
  const claim = config.adapter === 'cluster' ? await claimDataDir(config.dataDir) : undefined;
  let worker: Worker;
  try {
    worker = await Worker.open({
      config: { ...config, dataFiles: claim?.dataFiles } satisfies WorkerConfig,
      slot: 0,
      node: `${hostname()}:0:${process.pid}`,
      tell: () => {},
      // What the store needs then is another process; until then posts are refused (`unavailable`).
      onPanic: () => {},
      hooks,
      http,
    });
  } catch (error) {
    await claim?.release();
    throw error;
  }
  let closed: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    await worker.drain('shutdown', config.drainSpread);
    await claim?.release();
  };
  const close = (): Promise<void> => {
    closed ??= end();
    return closed;
  };
  return {
    middleware: (request, response, next) => {
      if (!worker.handle(request, response)) next();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
