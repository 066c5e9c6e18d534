/** The load of each scenario with posts: how many clients, in how many rooms, and how posts come. */
import type { Scenario, Settings } from './compare-options.ts';
import type { Pressure } from './load.ts';
import type { Transport } from './load-client.ts';

export interface Shape {
  readonly clients: number;
  readonly rooms: number;
  readonly pressure: Pressure;
  readonly transport?: Transport | undefined;
  /** What goes on meanwhile and is checked, not measured. */
  readonly beside?: Shape | undefined;
}

const SMALL_ROOM = 10;
const ROOM = 40;
/** Divides every number of clients that growth is measured with, so that their rooms are alike. */
const GROWTH_ROOM = 25;

/** Of ordinary size, where a scenario has many clients. */
export function roomsFor(clients: number): number {
  return Math.ceil(clients / ROOM);
}

export type OutageScenario = 'storm' | 'backlog' | 'killed';

export function shapeOf(
  scenario: Exclude<Scenario, 'idle' | 'burst' | OutageScenario>,
  settings: Settings,
): Shape {
  const { clients, rooms } = settings;
  switch (scenario) {
    case 'steady':
      return { clients, rooms, pressure: rate(settings.steadyPostsPerSecond) };
    case 'busy':
      return { clients, rooms, pressure: { kind: 'outstanding', posts: settings.busyPosts } };
    case 'flood':
      return { clients, rooms, pressure: { kind: 'outstanding', posts: settings.floodPosts } };
    case 'small-rooms':
      return {
        clients: settings.smallRoomClients,
        rooms: Math.ceil(settings.smallRoomClients / SMALL_ROOM),
        pressure: rate(settings.smallRoomPostsPerSecond),
      };
    case 'huge-room':
      return {
        clients: settings.hugeRoomClients,
        rooms: 1,
        pressure: rate(settings.hugeRoomPostsPerSecond),
      };
    case 'fairness':
      return {
        clients,
        rooms,
        pressure: rate(settings.steadyPostsPerSecond),
        beside: { clients: ROOM, rooms: 1, pressure: { kind: 'outstanding', posts: settings.floodPosts } },
      };
    case 'polling':
      return { clients, rooms, pressure: rate(settings.pollingPostsPerSecond), transport: 'polling' };
    case 'clients-100':
      return grown(100, settings);
    case 'clients-1000':
      return grown(1_000, settings);
    case 'clients-10000':
      return grown(10_000, settings);
    case 'workers-1':
    case 'workers-4':
    case 'workers-8':
      return { clients, rooms, pressure: rate(settings.steadyPostsPerSecond) };
    default:
      return scenario satisfies never;
  }
}

/** The same deliveries a second, whatever the number of clients: what a delivery costs is to stay. */
function grown(clients: number, { steadyPostsPerSecond }: Settings): Shape {
  return { clients, rooms: clients / GROWTH_ROOM, pressure: rate(steadyPostsPerSecond) };
}

export function rate(postsPerSecond: number): Pressure {
  return { kind: 'rate', postsPerSecond };
}
