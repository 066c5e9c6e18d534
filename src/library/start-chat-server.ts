/** `startChatServer`: the same server as the command's, from code. */
import { configFromCode, type CodeOptions } from '../config/from-code.ts';
import { runServer } from './run-server.ts';

export interface ChatServerOptions extends CodeOptions {
  /**
   * A module that exports `authorize`, `onMessage`, or both (`ChatHooks`): each worker loads it.
   * A URL, or a string that is one (`new URL('./hooks.js', import.meta.url)`).
   */
  readonly hooks?: string | URL | undefined;
  /** Whether SIGTERM, SIGINT and SIGHUP drain, end and reload it. Default false: they are yours. */
  readonly signals?: boolean | undefined;
}

export interface RunningChatServer extends AsyncDisposable {
  /** An address that can be connected to. */
  readonly url: string;
  /** Why it ended: the exit code that the command would have. Everything it started is gone by then. */
  readonly closed: Promise<number>;
  /** New workers, then the old ones go. Resolves with whether they were replaced. */
  reload(): Promise<boolean>;
  /** Lets the clients go, finishes what was begun. Twice is the same as once. */
  close(): Promise<void>;
}

/**
 * Resolves when it takes clients. Rejects with `ConfigError` (everything that is wrong with the
 * options), or with what keeps it from starting: the port, the data directory, Redis. One for
 * each process; the environment counts for nothing.
 */
export async function startChatServer(options: ChatServerOptions = {}): Promise<RunningChatServer> {
  const { hooks, signals = false, ...given } = options;
  const loaded = configFromCode(given);
  let isReady: (url: string) => void = () => {};
  const ready = new Promise<string>((resolve) => {
    isReady = resolve;
  });
  const server = await runServer(loaded, {
    handlesSignals: signals,
    onReady: isReady,
    hooksModule: hooks === undefined ? undefined : String(hooks),
  });
  const failed = server.closed.then((code) => {
    throw new Error(`the chat server could not start (${code}); its log says why`);
  });
  const url = await Promise.race([ready, failed]);
  // From here on the end is told by `closed`.
  failed.catch(() => {});
  const close = async (): Promise<void> => {
    await server.drain();
    await server.closed;
  };
  return { url, closed: server.closed, reload: server.reload, close, [Symbol.asyncDispose]: close };
}
