/**
 * The entry of a load process: does what `LoadPool` says, and ends when that is gone.
 */
import { Load, type LoadOptions } from './load.ts';
import type { LoadCommand, LoadReport } from './load-messages.ts';

const PROGRESS_MS = 500;

let load: Load | undefined;
let options: LoadOptions | undefined;

function tell(report: LoadReport): void {
  if (process.connected) process.send?.(report, undefined, {}, () => {});
}

async function obey(command: LoadCommand): Promise<void> {
  switch (command.type) {
    case 'connect':
      options = command.options;
      load = await Load.connect(options);
      tell({ type: 'connected' });
      break;
    case 'joined':
      if (load !== undefined) tell({ type: 'result', result: load.joined() });
      break;
    case 'run': {
      const timer = setInterval(
        () => tell({ type: 'progress', deliveries: load?.progress ?? 0 }),
        PROGRESS_MS,
      );
      const result = await load?.run(command.options, options?.part, options?.parts);
      clearInterval(timer);
      if (result !== undefined) tell({ type: 'result', result });
      break;
    }
    case 'close':
      load?.close();
      process.disconnect();
      break;
    default:
      command satisfies never;
  }
}

process.on('message', (command: LoadCommand) => {
  obey(command).catch((error: unknown) =>
    tell({ type: 'failed', message: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
