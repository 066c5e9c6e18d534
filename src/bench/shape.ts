/** The load of each scenario with posts: how many clients, in how many rooms, and how posts come. */
import type { Scenario, Settings } from './compare-options.ts';
import type { Pressure } from './load.ts';

export interface Shape {
  readonly clients: number;
  readonly rooms: number;
  readonly pressure: Pressure;
}

const SMALL_ROOM = 10;
const ROOM = 40;

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
    default:
      return scenario satisfies never;
  }
}

export function rate(postsPerSecond: number): Pressure {
  return { kind: 'rate', postsPerSecond };
}
