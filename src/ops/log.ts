/**
 * The log: one line for each event worth knowing, none for each message. JSON on stderr,
 * pretty on a terminal. Secrets are never written.
 */
import pino from 'pino';
import pretty from 'pino-pretty';

export interface Log {
  debug(event: object, message: string): void;
  info(event: object, message: string): void;
  warn(event: object, message: string): void;
  error(event: object, message: string): void;
}

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly format: 'auto' | 'json' | 'pretty';
  /** Which process: the node's name. */
  readonly name: string;
}

const STDERR = 2;

export function createLog({ level, format, name }: LogOptions): Log {
  const isPretty = format === 'pretty' || (format === 'auto' && process.stderr.isTTY);
  const options: pino.LoggerOptions = {
    level,
    base: { node: name },
    redact: ['token', 'auth', 'secret', '*.token', '*.auth', '*.secret'],
    serializers: { error: pino.stdSerializers.err },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  // Synchronous: the last lines before an exit are the ones that matter, and there are few.
  if (isPretty)
    return pino(
      options,
      pretty({ destination: STDERR, sync: true, ignore: 'pid,hostname', singleLine: true }),
    );
  return pino(options, pino.destination({ dest: STDERR, sync: true }));
}
