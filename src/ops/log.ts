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

export interface LogPlace {
  /** A path or a file descriptor. Default stderr. */
  readonly dest?: string | number;
}

const STDERR = 2;
const SECRETS = ['token', 'auth', 'authorization', 'password', 'secret', 'jwtSecret'];

export function createLog({ level, format, name }: LogOptions, { dest = STDERR }: LogPlace = {}): Log {
  const isPretty = format === 'pretty' || (format === 'auto' && process.stderr.isTTY);
  const options: pino.LoggerOptions = {
    level,
    base: { node: name },
    redact: SECRETS.flatMap((word) => [word, `*.${word}`]),
    serializers: { error: pino.stdSerializers.err },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  // Synchronous: the last lines before an exit are the ones that matter, and there are few.
  const destination = pino.destination({ dest, sync: true });
  // Who reads the log may go away; the server goes on without.
  destination.on('error', () => {});
  if (!isPretty) return pino(options, destination);
  return pino(options, pretty({ destination, ignore: 'pid,hostname', singleLine: true }));
}
