/** What `--redis-url` says: a single Redis, a master watched by Sentinels, or a Cluster. */

/** The URL is none of ours; the message says which part. */
export class RedisUrlError extends Error {
  readonly exitCode = 78;

  constructor(message: string) {
    super(message);
    this.name = 'RedisUrlError';
  }
}

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

export interface RedisTarget {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** The Redis, the Sentinels, or some of the Cluster's nodes. */
  readonly hosts: readonly RedisHost[];
  readonly isTls: boolean;
  /** Of the Redis servers; Sentinels are asked without. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Not in a Cluster. */
  readonly database: number;
  /** What the Sentinels call the master. */
  readonly masterName: string;
}

const SHAPE = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^/?#]*))?$/;
const FORMS =
  'redis[s]://[user:pass@]host:port[/database], redis+sentinel://[user:pass@]h1:26379,h2:26379/mymaster or redis+cluster://[user:pass@]h1:7000,h2:7001';

/** Throws `RedisUrlError`; the message never holds the password. */
export function parseRedisUrl(url: string): RedisTarget {
  const match = SHAPE.exec(url);
  if (match === null) throw new RedisUrlError(`the Redis URL must look like ${FORMS}`);
  const [, tls, form, credentials, hostList = '', path = ''] = match;
  const kind = form === 'sentinel' || form === 'cluster' ? form : 'single';
  const hosts = hostList.split(',').map((text) => parseHost(text, kind === 'sentinel' ? 26_379 : 6_379));
  if (kind === 'single' && hosts.length > 1)
    throw new RedisUrlError(`a redis:// URL names one host; use one of ${FORMS}`);
  if (kind === 'sentinel' && path === '')
    throw new RedisUrlError('a redis+sentinel:// URL ends with the name of the master: …/mymaster');
  if (kind === 'cluster' && path !== '')
    throw new RedisUrlError('a redis+cluster:// URL has nothing after its hosts');
  if (kind === 'single' && !/^\d*$/.test(path))
    throw new RedisUrlError(`the database of a redis:// URL is a number; got ${path}`);
  const colon = credentials?.indexOf(':') ?? -1;
  const username = credentials === undefined || colon < 0 ? credentials : credentials.slice(0, colon);
  const password = credentials === undefined || colon < 0 ? undefined : credentials.slice(colon + 1);
  return {
    kind,
    hosts,
    isTls: tls === 's',
    username: username === '' || username === undefined ? undefined : decoded(username),
    password: password === undefined ? undefined : decoded(password),
    database: kind === 'single' ? Number(path) : 0,
    masterName: kind === 'sentinel' ? decoded(path) : '',
  };
}

/** What is wrong is not shown: it is mostly a password. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RedisUrlError('the Redis URL has a % that begins no escape; a % itself is written %25');
  }
}

function parseHost(text: string, defaultPort: number): RedisHost {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text);
  const [, host = '', port] = match ?? [];
  if (match === null || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535)
    throw new RedisUrlError(`the Redis URL names a host that is none: ${JSON.stringify(text)}`);
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? defaultPort : Number(port) };
}

/** `host:port` of all, for messages. */
export function describeTarget({ kind, hosts }: RedisTarget): string {
  const list = hosts.map(({ host, port }) => `${host}:${port}`).join(', ');
  return kind === 'single' ? list : `${kind} ${list}`;
}
