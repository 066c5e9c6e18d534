/** Two workers' worth of Redis adapters in one process, each with what came in. */
import type { Notice } from '../../src/chat/adapter.ts';
import type { Adapter } from '../../src/chat/adapter.ts';
import type { RoomId } from '../../src/chat/identity.ts';
import { openRedisAdapter } from '../../src/adapter/redis-adapter.ts';

export interface Ear extends AsyncDisposable {
  readonly adapter: Adapter;
  readonly batches: { readonly room: RoomId; readonly body: string }[];
  readonly notices: Notice[];
  resets: number;
  readonly faults: unknown[];
}

export async function openEar(url: string, prefix: string): Promise<Ear> {
  const ear = { batches: [] as Ear['batches'], notices: [] as Notice[], resets: 0, faults: [] as unknown[] };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const adapter = await openRedisAdapter(
    {
      onBatch: (room, body) => ear.batches.push({ room, body }),
      onNotice: (notice) => ear.notices.push(notice),
      onReset: () => {
        ear.resets += 1;
      },
    },
    { url, prefix, log, onFault: (error) => ear.faults.push(error) },
  );
  return Object.assign(ear, { adapter, [Symbol.asyncDispose]: () => adapter.close() });
}
