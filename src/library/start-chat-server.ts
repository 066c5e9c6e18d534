/** `startChatServer`: the same server as the command's, from code. */
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from '../config/config.ts';
import { configFromCode, type CodeOptions } from '../config/from-code.ts';
import { EXIT_CONFIG, PrimaryError } from '../primary/errors.ts';
import { runServer } from './run-server.ts';

export interface ChatServerOptions extends CodeOptions {
  /**
   * A module that exports `authorize`, `onMessage`, or both (`ChatHooks`): each worker loads it.
   * A URL (`new URL('./hooks.js', import.meta.url)`), a string that is one, or an absolute path.
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
 * options, or what is wrong with the module of `hooks`), or with what keeps it from starting: the
 * port, the data directory, Redis. One for each process; the environment counts for nothing.
 */
export async function startChatServer(options: ChatServerOptions = {}): Promise<RunningChatServer> {
  const { hooks, signals = false, ...given } = options;
  const mistakes: string[] = [];
  const hooksModule = hooks === undefined ? undefined : moduleUrl(String(hooks), mistakes);
  const loaded = configFromCode(given, mistakes);
  let isReady: (url: string) => void = () => {};
  const ready = new Promise<string>((resolve) => {
    isReady = resolve;
  });
  let fatal: PrimaryError | undefined;
  const server = await runServer(loaded, {
    handlesSignals: signals,
    onReady: isReady,
    onFatal: (error) => {
      fatal = error;
    },
    hooksModule,
  });
  const failed = server.closed.then((code) => {
    if (fatal?.exitCode === EXIT_CONFIG) throw new ConfigError([fatal.message]);
    throw fatal ?? new PrimaryError('the chat server was ended before it was ready', code);
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

/** Relative to what is for the caller to say: workers import it from elsewhere. */
function moduleUrl(hooks: string, mistakes: string[]): string {
  if (isAbsolute(hooks)) return pathToFileURL(hooks).href;
  if (!URL.canParse(hooks))
    mistakes.push(
      `hooks must be a URL, as new URL('./hooks.js', import.meta.url) is one; got ${JSON.stringify(hooks)}`,
    );
  return hooks;
}
