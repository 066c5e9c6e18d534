/**
 * The bus through Redis: @socket.io/redis-adapter, sharded pub/sub, one subscription per room,
 * for the workers of any number of hosts.
 *
 * Two connections: one publishes and never waits, one subscribes and ends up as it was asked
 * to. Each time the subscriber is connected anew, anything may have been missed.
 */
import { createShardedAdapter } from '@socket.io/redis-adapter';
import type { Adapter, AdapterEvents } from '../chat/adapter.ts';
import type { Log } from '../ops/log.ts';
import { connectRedis } from '../ops/redis-client.ts';
import { rarely } from '../ops/rarely.ts';
import { BoundedPublisher } from './bounded-publisher.ts';
import { type AdapterFaults, withFaults } from './faults.ts';
import { SocketBus } from './socket-bus.ts';
import { SteadySubscriber } from './steady-subscriber.ts';

export interface RedisAdapterOptions {
  readonly url: string;
  readonly prefix: string;
  readonly faults?: AdapterFaults | undefined;
  readonly log: Log;
  readonly onFault: (error: unknown) => void;
}

/** Drops are told once in so long: under an outage every publish is one. */
const TELL_MS = 5_000;

/** Rejects with `RedisConnectError`. */
export async function openRedisAdapter(
  events: AdapterEvents,
  options: RedisAdapterOptions,
): Promise<Adapter> {
  const { url, prefix, faults, log, onFault } = options;
  const tell = rarely(log, TELL_MS);
  let connections = 0;
  const publisher = await connectRedis(url, { log, name: 'chat-server-publisher' });
  const subscriber = await connectRedis(url, {
    log,
    name: 'chat-server-subscriber',
    queuesOffline: true,
    onReady: () => {
      connections += 1;
      if (connections > 1) events.onReset();
    },
  });
  const steady = new SteadySubscriber(subscriber, (error, channel) =>
    tell({ error, channel }, 'a subscription is tried again'),
  );
  const bounded = new BoundedPublisher(publisher, {
    onDrop: (reason) => tell({ reason }, 'a publish was dropped; the log repairs it'),
  });
  // The library tells node-redis by `sSubscribe`, on the publishing side too.
  const client = {
    sPublish: bounded.sPublish,
    sSubscribe: steady.sSubscribe,
    sUnsubscribe: steady.sUnsubscribe,
  };
  const factory = createShardedAdapter(client, client, {
    channelPrefix: `${prefix}:bus`,
    subscriptionMode: 'dynamic',
  });
  return new SocketBus(factory as never, {
    events,
    through: withFaults(faults),
    hasEcho: true,
    onFault,
    async onClose() {
      steady.close();
      await Promise.all([publisher.close(), subscriber.close()]);
    },
  });
}
