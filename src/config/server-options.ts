/** The options of what to serve, to whom, on what, and how to run it. */
import { duration, faults, list, matching, oneOf, rate, text, toggle, whole, wholeOrCores } from './kinds.ts';
import { jwkSet, publicKeyFile } from './key-kinds.ts';
import type { OptionRow } from './option-row.ts';

const NAMESPACE = matching(/^\/[a-z0-9*-]{1,32}$/, 'a namespace such as /acme or a pattern such as /team-*');
const ORIGIN = matching(/^(\*|https?:\/\/[^\s/,]+)$/, 'an origin such as https://chat.example.org, or *');
const REDIS_URL = matching(
  /^(rediss?:\/\/[^\s,]+|rediss?\+sentinel:\/\/[^\s/]+\/[^\s/]+|rediss?\+cluster:\/\/[^\s/]+\/?)$/,
  'redis[s]://host:port, redis+sentinel://host:port,…/name or redis+cluster://host:port,…',
);

export const SERVER_OPTIONS = {
  workers: {
    group: 'Serving',
    value: 'N',
    kind: wholeOrCores(256),
    default: 'cores',
    about: 'Worker processes.',
  },
  host: {
    group: 'Serving',
    value: 'HOST',
    kind: matching(/^[^\s/]+$/, 'an address or a host name'),
    default: '127.0.0.1',
    about: 'Address to listen on; 0.0.0.0 for all.',
  },
  port: {
    group: 'Serving',
    value: 'PORT',
    kind: whole(0, 65_535),
    default: '3000',
    about: 'Port to listen on; 0 takes a free one.',
  },
  namespaces: {
    group: 'Serving',
    value: 'LIST',
    kind: list(NAMESPACE),
    default: '',
    isList: true,
    about: 'Namespaces that are open besides /; each is a chat of its own.',
  },
  rooms: {
    group: 'Serving',
    value: 'open|listed',
    kind: oneOf('open', 'listed'),
    default: 'open',
    about: 'Whether joining an unknown room creates it (open) or is not_found (listed).',
  },
  adapter: {
    group: 'Joining workers and storing',
    value: 'cluster|redis',
    kind: oneOf('cluster', 'redis'),
    default: 'cluster',
    about: 'What joins the workers and stores: this host alone, or a Redis for any number of hosts.',
  },
  dataDir: {
    group: 'Joining workers and storing',
    value: 'DIR',
    kind: text('a directory'),
    default: './chat-data',
    about: 'Where the embedded store keeps its data (--adapter cluster).',
  },
  redisUrl: {
    group: 'Joining workers and storing',
    value: 'URL',
    kind: REDIS_URL,
    default: 'redis://127.0.0.1:6379',
    about: 'The Redis, version 7 or newer (--adapter redis).',
  },
  redisPrefix: {
    group: 'Joining workers and storing',
    value: 'TEXT',
    kind: matching(/^[A-Za-z0-9_.-]{1,32}$/, '1 to 32 letters, digits, _ . or -'),
    default: 'chat',
    about: 'What all keys and channels in Redis begin with; servers with the same one are one chat.',
  },
  redisWaitReplicas: {
    group: 'Joining workers and storing',
    value: 'N',
    kind: whole(0, 16),
    default: '0',
    about: 'Replicas that must have a message before it is acknowledged (durability replicated).',
  },
  auth: {
    group: 'Who may come in',
    value: 'guest|jwt',
    kind: oneOf('guest', 'jwt'),
    default: 'guest',
    about: 'With guest whoever gives a name is that user; with jwt a token says who it is.',
  },
  jwtSecret: {
    group: 'Who may come in',
    value: 'SECRET',
    kind: text('a secret'),
    isSecret: true,
    about: 'Secret that tokens are signed with (HS256, HS384, HS512), 32 bytes or more.',
  },
  jwtPublicKey: {
    group: 'Who may come in',
    value: 'FILE',
    kind: publicKeyFile(),
    about: 'PEM file with the public key that tokens are checked with.',
  },
  jwtJwks: {
    group: 'Who may come in',
    value: 'FILE|URL',
    kind: jwkSet(),
    about: 'JWK set with the public keys that tokens are checked with.',
  },
  jwtIssuer: {
    group: 'Who may come in',
    value: 'TEXT',
    kind: text('text'),
    about: 'Issuer (iss) that tokens must name.',
  },
  jwtAudience: {
    group: 'Who may come in',
    value: 'TEXT',
    kind: text('text'),
    about: 'Audience (aud) that tokens must name.',
  },
  origins: {
    group: 'Who may come in',
    value: 'LIST',
    kind: list(ORIGIN),
    default: '',
    isList: true,
    about: 'Web origins whose pages may connect besides those of this very address; * for all.',
  },
  ratePosts: {
    group: 'Who may come in',
    value: 'RATE',
    kind: rate(),
    default: '600/10s',
    about: 'Posts that one connection may make.',
  },
  drainSpread: {
    group: 'Operating',
    value: 'TIME',
    kind: duration('0ms', '10m'),
    default: '1s',
    about: 'Over how long a worker that drains ends its connections.',
  },
  drainTimeout: {
    group: 'Operating',
    value: 'TIME',
    kind: duration('100ms', '10m'),
    default: '15s',
    about: 'How long a worker may take after that before it is killed.',
  },
  reconnectSpread: {
    group: 'Operating',
    value: 'TIME',
    kind: duration('0ms', '10m'),
    default: '2s',
    about: 'Over how long clients are asked to spread their coming back.',
  },
  logLevel: {
    group: 'Operating',
    value: 'LEVEL',
    kind: oneOf('debug', 'info', 'warn', 'error', 'silent'),
    default: 'info',
    about: 'Least serious event that is logged.',
  },
  logFormat: {
    group: 'Operating',
    value: 'auto|json|pretty',
    kind: oneOf('auto', 'json', 'pretty'),
    default: 'auto',
    about: 'How the log is written; auto is pretty on a terminal and JSON elsewhere.',
  },
  adminPort: {
    group: 'Operating',
    value: 'PORT',
    kind: whole(0, 65_535),
    about: 'Reserved for metrics and the admin page; nothing listens there yet.',
  },
  allowFaults: {
    group: 'Operating',
    kind: toggle(),
    default: 'false',
    about: 'Allows CHAT_FAULTS, for drills and tests.',
  },
  faults: {
    group: 'Operating',
    value: 'LIST',
    kind: faults(),
    isEnvOnly: true,
    about: 'What goes wrong on purpose between the workers; needs --allow-faults.',
  },
} as const satisfies Record<string, OptionRow>;
