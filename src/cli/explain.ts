/** What went wrong, told to a person on stderr, and the exit code that fits it. */
import { CommanderError } from 'commander';
import { ConfigError } from '../config/config.ts';

const EXIT_UNAVAILABLE = 69;
const EXIT_FAULT = 70;
const EXIT_CONFIG = 78;

export function explain(error: unknown): number {
  // Commander has told it already; help and version come here too, with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CONFIG;
  if (error instanceof ConfigError) {
    const lines = error.mistakes.map((mistake) => `  ${mistake}\n`).join('');
    tell(`the configuration is wrong:\n${lines}Options are explained by chat-server --help`);
    return error.exitCode;
  }
  if (!(error instanceof Error)) {
    tell(String(error));
    return EXIT_FAULT;
  }
  const exitCode = exitCodeOf(error);
  tell(exitCode === EXIT_FAULT ? (error.stack ?? error.message) : error.message);
  return exitCode;
}

/** Its own, else 69 for what the system refused (no right, no space, no such host). */
function exitCodeOf(error: Error): number {
  if ('exitCode' in error && typeof error.exitCode === 'number') return error.exitCode;
  return 'syscall' in error || error.name === 'StoreUnavailable' ? EXIT_UNAVAILABLE : EXIT_FAULT;
}

function tell(text: string): void {
  process.stderr.write(`chat-server: ${text}\n`);
}
