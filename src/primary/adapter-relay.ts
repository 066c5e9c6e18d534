/**
 * The primary's half of @socket.io/cluster-adapter, and a word about the dead.
 *
 * The library relays between workers but does not tell them when one dies: they would wait
 * for its answers for up to 10 s (TRAPS 2.5, trap 17). Here they are told at once, on behalf
 * of the dead one, once for each adapter it had.
 */
import cluster, { type Worker } from 'node:cluster';
import { setupPrimary } from '@socket.io/cluster-adapter';
import { MessageType } from 'socket.io-adapter';

const SOURCE = '_sio_adapter';

export class AdapterRelay {
  /** worker → adapter uid → namespace. */
  readonly #adapters = new Map<number, Map<string, string>>();

  constructor() {
    setupPrimary();
    cluster.on('message', (worker: Worker, message: unknown) => {
      const adapter = readAdapter(message);
      if (adapter === undefined) return;
      let known = this.#adapters.get(worker.id);
      if (known === undefined) {
        known = new Map();
        this.#adapters.set(worker.id, known);
      }
      known.set(adapter.uid, adapter.nsp);
    });
  }

  /** Tells the others that the worker is gone. */
  drop(worker: Worker): void {
    const known = this.#adapters.get(worker.id);
    this.#adapters.delete(worker.id);
    for (const [uid, nsp] of known ?? []) {
      const message = { source: SOURCE, type: MessageType.ADAPTER_CLOSE, uid, nsp };
      for (const other of Object.values(cluster.workers ?? {}))
        if (other !== undefined && other !== worker && other.isConnected())
          // One that is going away itself need not know.
          other.send(message, () => undefined);
    }
  }
}

function readAdapter(message: unknown): { readonly uid: string; readonly nsp: string } | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  if (!('source' in message) || message.source !== SOURCE || !('uid' in message) || !('nsp' in message))
    return undefined;
  const { uid, nsp } = message;
  return typeof uid === 'string' && typeof nsp === 'string' ? { uid, nsp } : undefined;
}
