/** What `compare` can be told, with the defaults. Whoever reads flags makes this object of them. */

export const MODES = ['cluster', 'redis', 'plain-cluster', 'plain-redis'] as const;
export type OurMode = 'cluster' | 'redis';
export type AgainstMode = `against-${OurMode}`;
/**
 * `cluster`, `redis`: this server. `plain-…`: the set-up of the Socket.IO documentation.
 * `against-…`: another build of this server.
 */
export type Mode = (typeof MODES)[number] | AgainstMode;

export function isPlain(mode: Mode): boolean {
  return mode.startsWith('plain-');
}

export function isOurs(mode: Mode): mode is OurMode {
  return mode === 'cluster' || mode === 'redis';
}

/** In the order of the measurement: after `killed` it is not the same server any more. */
export const SCENARIOS = [
  'idle',
  'burst',
  'steady',
  'busy',
  'flood',
  'small-rooms',
  'huge-room',
  'fairness',
  'polling',
  'clients-100',
  'clients-1000',
  'clients-10000',
  'backlog',
  'storm',
  'workers-1',
  'workers-4',
  'workers-8',
  'killed',
] as const;
/**
 * `idle`: memory per connection. `steady`: so many posts a second, whatever the answers.
 * `busy`, `flood`: so many posts at any time whose sender lacks the answer or its own copy.
 * `small-rooms`: as `steady`, in many rooms of ten. `huge-room`: as `steady`, everybody in one room.
 * `polling`: the same over long polling. `fairness`: `steady` beside one room that is flooded.
 * `clients-…`, `workers-…`: `steady` with so many, in the first run.
 * `burst`: all clients connect at once. `storm`: all are dropped at once and come back, while one in
 * each room goes on posting. `backlog`: the same, after many messages. `killed`: `steady`, and a
 * worker is killed.
 */
export type Scenario = (typeof SCENARIOS)[number];
/** A first impression. */
const QUICK: readonly Scenario[] = ['steady', 'busy', 'flood'];

/** Posts come at a rate of the load's choice: how many are delivered says nothing of the server. */
export function isFixedRate(scenario: Scenario): boolean {
  return scenario !== 'busy' && scenario !== 'flood';
}

/** Growth is a series by itself: it is measured in the first run alone, or all would take hours. */
export function scenariosOfRun(run: number, { scenarios }: Pick<Settings, 'scenarios'>): readonly Scenario[] {
  return run === 1 ? scenarios : scenarios.filter((scenario) => !/^(clients|workers)-/.test(scenario));
}

/** Those that need a server with another number of workers. */
export function workersOf(scenario: Scenario): number | undefined {
  return scenario.startsWith('workers-') ? Number(scenario.slice('workers-'.length)) : undefined;
}

/** What a Redis that `compare` starts does to keep its data (`appendfsync`; `no`: keeps none). */
export const FSYNCS = ['always', 'everysec', 'no'] as const;
export type RedisFsync = (typeof FSYNCS)[number];

export interface CompareOptions {
  /** Default: all four. */
  readonly modes?: readonly (typeof MODES)[number][] | undefined;
  /** Default: all; with `quick` steady, busy and flood. */
  readonly scenarios?: readonly Scenario[] | undefined;
  /** Worker processes of each server. Default 2. */
  readonly workers?: number | undefined;
  /** Default 400. */
  readonly clients?: number | undefined;
  /** Client n is in room n modulo `rooms`. Default 10. */
  readonly rooms?: number | undefined;
  /** Seconds that are measured in each scenario. Default 10; with `quick` 3. */
  readonly seconds?: number | undefined;
  /** Seconds of posting before that. Default 3; with `quick` 1. */
  readonly warmUpSeconds?: number | undefined;
  /** How often everything is done, modes taking turns. Default 3; with `quick` 1. */
  readonly runs?: number | undefined;
  readonly quick?: boolean | undefined;
  /** Characters of a post's text, so that a delivery has about 140 bytes. Default 40. */
  readonly textBytes?: number | undefined;
  /** Default 500. */
  readonly steadyPostsPerSecond?: number | undefined;
  /** Default 160. */
  readonly busyPosts?: number | undefined;
  /** Default 8 000. */
  readonly floodPosts?: number | undefined;
  /** Clients of `small-rooms`, ten in a room. Default 5 000. */
  readonly smallRoomClients?: number | undefined;
  /** Default 1 000. */
  readonly smallRoomPostsPerSecond?: number | undefined;
  /** Clients of `huge-room`. Default 2 000. */
  readonly hugeRoomClients?: number | undefined;
  /** Default 10. */
  readonly hugeRoomPostsPerSecond?: number | undefined;
  /** Default 100. */
  readonly pollingPostsPerSecond?: number | undefined;
  /** Connections of `idle`, in rooms of 40. Default 2 000; with `quick` 500. */
  readonly idleClients?: number | undefined;
  /** How long they are left alone before their memory is looked at again. Default 40. */
  readonly idleSeconds?: number | undefined;
  /** Clients of `burst`. Default 1 000. */
  readonly burstClients?: number | undefined;
  /** Clients of `storm`. Default 5 000. */
  readonly stormClients?: number | undefined;
  /** Seconds of posting after the connections of `storm` and `killed` ended. Default 15; with `quick` 5. */
  readonly recoverySeconds?: number | undefined;
  /** Devices of `backlog`, all of one room. Default 500. */
  readonly backlogDevices?: number | undefined;
  /** Messages that wait for each of them. Default 10 000. */
  readonly backlogPosts?: number | undefined;
  /** Default: one for each two cores, at least one. */
  readonly loadProcesses?: number | undefined;
  /** A Redis to use. Default: a redis-server of its own for each server that needs one. */
  readonly redisUrl?: string | undefined;
  /** Of a Redis of its own. Default `always`: what is acknowledged is on disk, as in cluster mode. */
  readonly redisFsync?: RedisFsync | undefined;
  /** A checkout of another commit: one more mode for each of ours, in turn with it. */
  readonly against?: string | undefined;
  /** The part of a figure by which it may be worse than that of `against`. Default 0.05. */
  readonly tolerance?: number | undefined;
  /** Flags that this server is started with besides those of the measurement. */
  readonly serverArgs?: readonly string[] | undefined;
  /** Where all results go as JSON. */
  readonly jsonFile?: string | undefined;
  /** Debug: CPU profiles of every process of the server go into this directory. */
  readonly cpuProfDir?: string | undefined;
  /** Progress for a person: one line that replaces the former. Default: nothing. */
  readonly onProgress?: ((line: string) => void) | undefined;
  /** Ends it: servers, loads and Redis are stopped, and `runCompare` rejects. */
  readonly signal?: AbortSignal | undefined;
}

export interface Settings {
  readonly modes: readonly Mode[];
  readonly scenarios: readonly Scenario[];
  readonly workers: number;
  readonly clients: number;
  readonly rooms: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly runs: number;
  readonly textBytes: number;
  readonly steadyPostsPerSecond: number;
  readonly busyPosts: number;
  readonly floodPosts: number;
  readonly smallRoomClients: number;
  readonly smallRoomPostsPerSecond: number;
  readonly hugeRoomClients: number;
  readonly hugeRoomPostsPerSecond: number;
  readonly pollingPostsPerSecond: number;
  readonly idleClients: number;
  readonly idleSeconds: number;
  readonly burstClients: number;
  readonly stormClients: number;
  readonly recoverySeconds: number;
  readonly backlogDevices: number;
  readonly backlogPosts: number;
  readonly loadProcesses: number;
  readonly redisUrl: string | undefined;
  readonly redisFsync: RedisFsync;
  readonly against: string | undefined;
  readonly tolerance: number;
  readonly serverArgs: readonly string[];
  readonly cpuProfDir: string | undefined;
}

/** A measurement that cannot be begun as it was asked for. */
export class CompareOptionError extends Error {
  override readonly name = 'CompareOptionError';
}

export function settingsOf(options: CompareOptions, cores: number): Settings {
  const { quick = false } = options;
  const usual = quick ? QUICK : SCENARIOS;
  const settings: Settings = {
    modes: modesOf(options),
    scenarios: SCENARIOS.filter((scenario) => (options.scenarios ?? usual).includes(scenario)),
    workers: options.workers ?? 2,
    clients: options.clients ?? 400,
    rooms: options.rooms ?? 10,
    seconds: options.seconds ?? (quick ? 3 : 10),
    warmUpSeconds: options.warmUpSeconds ?? (quick ? 1 : 2),
    runs: options.runs ?? (quick ? 1 : 3),
    textBytes: options.textBytes ?? 40,
    steadyPostsPerSecond: options.steadyPostsPerSecond ?? 500,
    busyPosts: options.busyPosts ?? 160,
    floodPosts: options.floodPosts ?? 8_000,
    smallRoomClients: options.smallRoomClients ?? 5_000,
    smallRoomPostsPerSecond: options.smallRoomPostsPerSecond ?? 1_000,
    hugeRoomClients: options.hugeRoomClients ?? 2_000,
    hugeRoomPostsPerSecond: options.hugeRoomPostsPerSecond ?? 10,
    pollingPostsPerSecond: options.pollingPostsPerSecond ?? 100,
    idleClients: options.idleClients ?? (quick ? 500 : 2_000),
    idleSeconds: options.idleSeconds ?? 40,
    burstClients: options.burstClients ?? 1_000,
    stormClients: options.stormClients ?? 5_000,
    recoverySeconds: options.recoverySeconds ?? (quick ? 5 : 15),
    backlogDevices: options.backlogDevices ?? 500,
    backlogPosts: options.backlogPosts ?? 10_000,
    loadProcesses: options.loadProcesses ?? Math.max(1, Math.floor(cores / 2)),
    redisUrl: options.redisUrl,
    redisFsync: options.redisFsync ?? 'always',
    against: options.against,
    tolerance: options.tolerance ?? 0.05,
    serverArgs: options.serverArgs ?? [],
    cpuProfDir: options.cpuProfDir,
  };
  check(settings);
  return settings;
}

/** Each of ours with its other build right behind it, so that both meet the same machine. */
function modesOf({ modes = MODES, against }: CompareOptions): Mode[] {
  if (against === undefined) return [...modes];
  return modes.flatMap((mode): Mode[] => (isOurs(mode) ? [mode, `against-${mode}`] : [mode]));
}

const AT_LEAST_ONE = [
  'workers',
  'clients',
  'rooms',
  'seconds',
  'runs',
  'steadyPostsPerSecond',
  'busyPosts',
  'floodPosts',
  'smallRoomClients',
  'smallRoomPostsPerSecond',
  'hugeRoomClients',
  'hugeRoomPostsPerSecond',
  'pollingPostsPerSecond',
  'idleClients',
  'burstClients',
  'stormClients',
  'recoverySeconds',
  'backlogDevices',
  'backlogPosts',
  'loadProcesses',
] as const;

function check(settings: Settings): void {
  const problems = AT_LEAST_ONE.filter((name) => !(settings[name] >= 1)).map(
    (name) => `${name} must be at least 1; got ${settings[name]}`,
  );
  if (settings.rooms > settings.clients)
    problems.push(`rooms (${settings.rooms}) must be at most clients (${settings.clients})`);
  if (settings.textBytes < 16 || settings.textBytes > 16_000)
    problems.push(`textBytes must be from 16 to 16000; got ${settings.textBytes}`);
  if (settings.modes.length === 0 || settings.scenarios.length === 0)
    problems.push('modes and scenarios must name at least one each');
  if (settings.against !== undefined && !settings.modes.some(isOurs))
    problems.push('against needs cluster or redis among the modes');
  if (settings.tolerance < 0 || settings.tolerance > 1)
    problems.push(`tolerance must be from 0 to 1; got ${settings.tolerance}`);
  if (problems.length > 0) throw new CompareOptionError(problems.join('; '));
}
