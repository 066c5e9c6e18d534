/**
 * What Engine.IO does to the HTTP server of an application, taken back: it puts itself in the place
 * of the listeners of requests, which it calls for what is not its own, and listens to upgrades.
 */
import type { Server as HttpServer } from 'node:http';

type Listener = (...args: unknown[]) => void;
export type Listeners = ReadonlyMap<string, readonly Listener[]>;

const EVENTS = ['request', 'upgrade', 'close'];

export function listenersOf(server: HttpServer): Listeners {
  return new Map(EVENTS.map((event) => [event, server.rawListeners(event) as Listener[]]));
}

/** As it was before, with what was added after: each in its place. */
export function restoreListeners(server: HttpServer, before: Listeners, after: Listeners): void {
  for (const event of EVENTS) {
    const [old = [], made = []] = [before.get(event), after.get(event)];
    const since = (server.rawListeners(event) as Listener[]).filter((listener) => !made.includes(listener));
    const kept = made.filter((listener) => old.includes(listener));
    // Those that were pushed out come back where they stood: before whoever came later.
    const removed = old.filter((listener) => !made.includes(listener));
    server.removeAllListeners(event);
    for (const listener of [...removed, ...kept, ...since]) server.on(event, listener);
  }
}
