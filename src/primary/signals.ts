/**
 * The one place where signals are handled; workers ignore SIGINT and SIGTERM and obey the primary.
 *
 * SIGTERM or SIGINT drains, a second one ends at once with 128 + its number; SIGHUP reloads.
 * An exception that nobody caught ends the primary with 70: what it left behind is not known.
 */
export interface SignalActions {
  drain(): void;
  /** At once. */
  end(exitCode: number): void;
  reload(): void;
  onUncaught(error: unknown): void;
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** Returns a function that stops listening. */
export function handleSignals({ drain, end, reload, onUncaught }: SignalActions): () => void {
  let isDraining = false;
  const handleEnd = (signal: NodeJS.Signals): void => {
    if (isDraining) {
      end(signal === 'SIGINT' ? EXIT_CODES.SIGINT : EXIT_CODES.SIGTERM);
      return;
    }
    isDraining = true;
    drain();
  };
  process.on('SIGTERM', handleEnd);
  process.on('SIGINT', handleEnd);
  process.on('SIGHUP', reload);
  process.on('uncaughtException', onUncaught);
  return () => {
    process.removeListener('SIGTERM', handleEnd);
    process.removeListener('SIGINT', handleEnd);
    process.removeListener('SIGHUP', reload);
    process.removeListener('uncaughtException', onUncaught);
  };
}
