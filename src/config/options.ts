/**
 * The one table of options: from it come flags, environment names, `--help`, the README's
 * table, the checks and the type of the configuration.
 *
 * `--data-dir` is also `CHAT_DATA_DIR`. A row's `default` is text, read like what a person
 * would give; a row without one may stay unset.
 */
import { availableParallelism } from 'node:os';
import { duration, faults, list, matching, oneOf, rate, size, text, whole, type Reader } from './values.ts';

export type OptionGroup =
  | 'Serving'
  | 'Joining workers and storing'
  | 'Who may come in'
  | 'Keeping'
  | 'Limits of the chat'
  | 'Limits of the server'
  | 'Operating';

export interface OptionRow<T = unknown> {
  readonly group: OptionGroup;
  /** What stands for the value in `--help`; undefined: a switch. */
  readonly value?: string | undefined;
  readonly read: Reader<T>;
  readonly default?: string | undefined;
  /** One sentence. */
  readonly about: string;
  /** Never shown: a secret. */
  readonly isSecret?: boolean | undefined;
}

const DAY_MS = 86_400_000;
const NAMESPACE = matching(/^\/[a-z0-9*-]{1,32}$/, 'a namespace such as /acme, or a pattern such as /team-*');
const isTrue = (value: string): boolean => value === 'true' || value === '1' || value === '';

/** Keeps whether there is a default in the type: what has none may be undefined. */
type Row<T, D> = Omit<OptionRow<T>, 'default'> & { readonly default: D };

function row<T, D extends string | undefined>(
  group: OptionGroup,
  value: string | undefined,
  read: Reader<T>,
  fallback: D,
  about: string,
): Row<T, D> {
  return { group, value, read, default: fallback, about };
}

const S = 'Serving';
const J = 'Joining workers and storing';
const W = 'Who may come in';
const K = 'Keeping';
const C = 'Limits of the chat';
const L = 'Limits of the server';
const O = 'Operating';

export const OPTIONS = {
  workers: row(
    S,
    'N',
    whole(1, 256),
    String(availableParallelism()),
    'Worker processes; the default is one for each core.',
  ),
  host: row(S, 'H', text('an address'), '127.0.0.1', 'Address to listen on; 0.0.0.0 for all.'),
  port: row(S, 'P', whole(0, 65_535), '3000', 'Port to listen on; 0 takes a free one.'),
  namespaces: row(S, 'L', list(NAMESPACE), '', 'Namespaces besides /, by name or pattern: /acme,/team-*.'),
  rooms: row(
    S,
    'open|listed',
    oneOf('open', 'listed'),
    'open',
    'Whether joining an unknown room creates it (open) or is not_found (listed).',
  ),
  adapter: row(
    J,
    'cluster|redis',
    oneOf('cluster', 'redis'),
    'cluster',
    'What joins the workers: this host alone, or Redis for any number of hosts.',
  ),
  dataDir: row(
    J,
    'D',
    text('a directory'),
    './chat-data',
    'Where the embedded store keeps its data (adapter cluster).',
  ),
  redisUrl: row(
    J,
    'U',
    matching(
      /^rediss?(\+sentinel|\+cluster)?:\/\/./,
      'redis[s]://…, redis+sentinel://… or redis+cluster://…',
    ),
    'redis://127.0.0.1:6379',
    'The Redis (7 or newer) that carries and stores (adapter redis).',
  ),
  redisPrefix: row(
    J,
    'X',
    matching(/^[A-Za-z0-9_.-]{1,32}$/, '1–32 of A–Z a–z 0–9 _ . -'),
    'chat',
    'What all keys and channels in Redis begin with.',
  ),
  redisWaitReplicas: row(
    J,
    'N',
    whole(0, 8),
    '0',
    'Replicas that must have a post before it is acknowledged (durability replicated).',
  ),
  auth: row(
    W,
    'guest|jwt',
    oneOf('guest', 'jwt'),
    'guest',
    'guest: whoever gives a name is that user; jwt: a token is needed.',
  ),
  jwtSecret: {
    ...row(W, 'S', text('a secret'), undefined, 'Secret of tokens signed with HS256, HS384 or HS512.'),
    isSecret: true,
  },
  jwtPublicKey: row(W, 'F', text('a file'), undefined, 'PEM file with the public key of tokens.'),
  jwtJwks: row(W, 'U', text('a file or URL'), undefined, 'JWK set with the keys of tokens: a file or a URL.'),
  jwtIssuer: row(W, 'I', text(), undefined, 'Issuer that tokens must name.'),
  jwtAudience: row(W, 'A', text(), undefined, 'Audience that tokens must name.'),
  origins: row(
    W,
    'L',
    list(text('an origin')),
    '',
    'Web origins that may connect, comma separated, * for all; by default only pages of this server’s own address.',
  ),
  ratePosts: row(W, 'R', rate(), '600/10s', 'Posts per user and socket; 0 is no limit.'),
  retainDays: row(
    K,
    'N',
    whole(1, 36_500),
    undefined,
    'Messages older than this are removed; by default all are kept.',
  ),
  retainMessages: row(K, 'N', whole(1, 1e9), undefined, 'Messages kept per room; by default all.'),
  retainBytes: row(K, 'B', size(1_024, 1e15), undefined, 'Bytes of messages kept per room; by default all.'),
  retainIds: row(
    K,
    'T',
    duration(1_000, 3_650 * DAY_MS),
    '30d',
    'How long a message’s id is kept at least, so that sending it again stores nothing.',
  ),
  retainSweep: row(K, 'T', duration(100, DAY_MS), '60s', 'How often retention looks.'),
  maxTextBytes: row(C, 'B', size(1, 1_048_576), '16384', 'Bytes of a message’s text.'),
  maxDataBytes: row(C, 'B', size(0, 1_048_576), '8192', 'Bytes of a message’s data as JSON.'),
  maxPacketBytes: row(
    C,
    'B',
    size(1_024, 16_777_216),
    '524288',
    'Bytes of a packet; a larger one closes the connection.',
  ),
  maxDepth: row(C, 'N', whole(2, 64), '16', 'How deep an object may nest.'),
  maxBatch: row(C, 'N', whole(1, 10_000), '500', 'Messages in one event.'),
  maxPage: row(C, 'N', whole(1, 10_000), '200', 'Entries of one page of a list or of history.'),
  maxRoomsPerUser: row(C, 'N', whole(1, 100_000), '2000', 'Rooms a user may be a member of.'),
  maxDevicesPerUser: row(
    C,
    'N',
    whole(1, 1_000),
    '20',
    'Devices remembered per user; the longest unused is forgotten.',
  ),
  maxSocketsPerUser: row(
    C,
    'N',
    whole(1, 100_000),
    '50',
    'Connections of one user on a worker; the oldest is replaced.',
  ),
  maxOutstanding: row(C, 'N', whole(1, 1_000_000), '1000', 'Unanswered requests per connection.'),
  maxPresenceList: row(C, 'N', whole(1, 10_000), '200', 'Members up to which a room’s events name each one.'),
  maxConnections: row(L, 'N', whole(1, 1_000_000), '20000', 'Connections per worker.'),
  maxFeeds: row(L, 'N', whole(1, 10_000_000), '100000', 'Rooms with members per worker.'),
  maxQueuedPosts: row(L, 'N', whole(1, 10_000_000), '50000', 'Posts that wait for the store, per worker.'),
  maxQueuedBytes: row(
    L,
    'B',
    size(65_536, 8_589_934_592),
    '64m',
    'Bytes of posts that wait for the store, per worker.',
  ),
  maxBufferedBytes: row(
    L,
    'B',
    size(16_384, 1_073_741_824),
    '1m',
    'Unsent bytes after which a connection’s feeds wait until it has read.',
  ),
  maxSocketBytes: row(
    L,
    'B',
    size(65_536, 1_073_741_824),
    '8m',
    'Unsent bytes after which a connection is closed.',
  ),
  maxPageBytes: row(L, 'B', size(4_096, 16_777_216), '256k', 'Bytes of one page of catch-up.'),
  maxRepairs: row(L, 'N', whole(1, 10_000), '64', 'Reads of the store at once, per worker.'),
  pingInterval: row(L, 'T', duration(100, 600_000), '25s', 'How often a connection is checked.'),
  pingTimeout: row(
    L,
    'T',
    duration(100, 600_000),
    '20s',
    'How long a check waits before the connection counts as gone.',
  ),
  connectTimeout: row(
    L,
    'T',
    duration(100, 600_000),
    '10s',
    'How long a connection may take to say who it is.',
  ),
  drainTimeout: row(
    O,
    'T',
    duration(100, 600_000),
    '15s',
    'How long a worker may take to end before it is killed.',
  ),
  drainSpread: row(
    O,
    'T',
    duration(0, 600_000),
    '1s',
    'Over how long a draining worker’s connections are ended.',
  ),
  reconnectSpread: row(
    O,
    'T',
    duration(0, 600_000),
    '2s',
    'Over how long clients are asked to come back after a shutdown.',
  ),
  logLevel: row(
    O,
    'LEVEL',
    oneOf('debug', 'info', 'warn', 'error', 'silent'),
    'info',
    'Least serious event that is logged.',
  ),
  logFormat: row(
    O,
    'FORMAT',
    oneOf('auto', 'json', 'pretty'),
    'auto',
    'auto: pretty on a terminal, else JSON.',
  ),
  allowFaults: row(O, undefined, isTrue, undefined, 'Allow CHAT_FAULTS, for drills and tests.'),
  faults: row(
    O,
    'F',
    faults(),
    undefined,
    'Faults that the adapter is given, only as CHAT_FAULTS and with --allow-faults.',
  ),
} as const satisfies Record<string, OptionRow>;

export type OptionName = keyof typeof OPTIONS;

/** `dataDir` → `--data-dir` */
export function flagOf(name: string): string {
  return `--${kebab(name)}`;
}

/** `dataDir` → `CHAT_DATA_DIR` */
export function envOf(name: string): string {
  return `CHAT_${kebab(name).replaceAll('-', '_').toUpperCase()}`;
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
