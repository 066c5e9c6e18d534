/** The bus through the primary: @socket.io/cluster-adapter, for the workers of one host. */
import { createAdapter } from '@socket.io/cluster-adapter';
import type { Adapter, AdapterEvents } from '../chat/adapter.ts';
import { type AdapterFaults, withFaults } from './faults.ts';
import { SocketBus } from './socket-bus.ts';

export interface ClusterAdapterOptions {
  readonly faults?: AdapterFaults | undefined;
  readonly onFault: (error: unknown) => void;
}

/** Only in a cluster worker: the primary carries what is sent. */
export function openClusterAdapter(
  events: AdapterEvents,
  { faults, onFault }: ClusterAdapterOptions,
): Adapter {
  return new SocketBus(createAdapter() as never, {
    events,
    through: withFaults(faults),
    hasEcho: false,
    isConnected: () => process.connected,
    onFault,
  });
}
