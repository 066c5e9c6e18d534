import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigError, describeConfig, loadConfig } from '../../src/config/config.ts';
import { configFromCode } from '../../src/config/from-code.ts';
import { OPTION_NAMES, optionRow } from '../../src/config/options.ts';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.ts';

const SECRET = 'a secret of thirty-two bytes, or more';

function load(flags: Record<string, string> = {}, env: Record<string, string> = {}) {
  return loadConfig(flags, env).config;
}

/** What is told when this configuration is refused. */
function mistakes(flags: Record<string, string>, env: Record<string, string> = {}): readonly string[] {
  try {
    loadConfig(flags, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

test('without anything given, the configuration is the documented one', () => {
  expect(load()).toMatchObject({
    workers: availableParallelism(),
    host: '127.0.0.1',
    port: 3_000,
    adapter: 'cluster',
    dataDir: './chat-data',
    redisUrl: 'redis://127.0.0.1:6379',
    redisPrefix: 'chat',
    redisWaitReplicas: 0,
    auth: 'guest',
    namespaces: [],
    rooms: 'open',
    origins: [],
    ratePosts: { count: 600, perMs: 10_000 },
    retainIds: 30 * 86_400_000,
    maxQueuedPosts: 50_000,
    maxQueuedBytes: 64 * 1_048_576,
    maxBufferedBytes: 1_048_576,
    maxPageBytes: 256 * 1_024,
    maxSocketBytes: 8 * 1_048_576,
    allowFaults: false,
  });
  expect(load().retainDays).toBeUndefined();
  expect(load().faults).toBeUndefined();
});

test('the limits that clients are told have the defaults of the protocol', () => {
  const config = load();
  const names = Object.keys(DEFAULT_LIMITS) as (keyof typeof DEFAULT_LIMITS)[];
  expect(Object.fromEntries(names.map((name) => [name, config[name]]))).toEqual(DEFAULT_LIMITS);
});

test('the configuration is frozen', () => {
  expect(Object.isFrozen(load())).toBe(true);
});

test('a flag wins over its variable, and an empty variable counts as not set', () => {
  expect(load({ port: '4000' }, { CHAT_PORT: '5000' }).port).toBe(4_000);
  expect(load({}, { CHAT_PORT: '5000' }).port).toBe(5_000);
  expect(load({}, { CHAT_PORT: '' }).port).toBe(3_000);
});

test.each([
  ['pingInterval', '250ms', 250],
  ['pingInterval', '10s', 10_000],
  ['pingInterval', '5m', 300_000],
  ['retainIds', '36h', 129_600_000],
  ['retainIds', '30d', 2_592_000_000],
  ['maxPageBytes', '4096', 4_096],
  ['maxPageBytes', '64k', 65_536],
  ['maxPageBytes', '1M', 1_048_576],
  ['ratePosts', '600/10s', { count: 600, perMs: 10_000 }],
  ['ratePosts', '5/s', { count: 5, perMs: 1_000 }],
  ['ratePosts', '0', undefined],
  ['retainDays', '0.5', 0.5],
  ['namespaces', '/acme, /team-*', ['/acme', '/team-*']],
  ['namespaces', '/,/acme', ['/', '/acme']],
  ['workers', '8', 8],
] as const)('%s %s is read as %j', (name, text, value) => {
  expect(load({ [name]: text })[name]).toEqual(value);
});

test.each([
  ['port', '70000'],
  ['port', '3000x'],
  ['port', '-1'],
  ['port', ''],
  ['workers', '0'],
  ['pingInterval', '10'],
  ['pingInterval', '1h'],
  ['maxPageBytes', '1kb'],
  ['ratePosts', '600'],
  ['ratePosts', '0/10s'],
  ['ratePosts', '1/1s/1s'],
  ['retainDays', '0'],
  ['namespaces', 'acme'],
  ['namespaces', '/Acme'],
  ['origins', 'example.org'],
  ['adapter', 'redisx'],
  ['redisUrl', 'http://127.0.0.1'],
  ['redisUrl', 'redis+sentinel://h1:26379,h2:26379'],
  ['allowFaults', 'yes'],
  ['jwtPublicKey', '/no/such/file.pem'],
] as const)('%s %j is refused', (name, text) => {
  // Other mistakes of the same configuration come on lines of their own.
  const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  expect(mistakes({ [name]: text }).filter((line) => line.startsWith(`${flag} must be`))).toHaveLength(1);
});

test.each([
  'redis://:pass@10.0.0.5:6379/2',
  'rediss://host',
  'redis+sentinel://user:pass@h1:26379,h2:26379/mymaster',
  'redis+cluster://h1:7000,h2:7001',
])('%s is taken as a Redis', (url) => {
  expect(load({ redisUrl: url }).redisUrl).toBe(url);
});

test('all mistakes are told together, each under the name it was given by', () => {
  const lines = mistakes(
    { workers: 'many', maxTextBytes: '1m' },
    { CHAT_PORT: '70000', CHAT_PROT: '1', CHAT_AUTH: 'jwt' },
  );
  expect(lines).toEqual([
    'CHAT_PROT is no variable of this server; did you mean CHAT_PORT?',
    '--workers must be a whole number from 1 to 256, or cores; got "many"',
    'CHAT_PORT must be a whole number from 0 to 65535; got "70000"',
    'CHAT_AUTH (jwt) needs one of --jwt-secret, --jwt-public-key, --jwt-jwks; got none',
    '--max-packet-bytes (524288) must hold --max-text-bytes (1048576), --max-data-bytes (8192) and 1024 more',
  ]);
});

test('what the caller found is told along with the rest', () => {
  expect(() => loadConfig({ port: 'x' }, {}, ['--prot is no option of this command'])).toThrow(
    /--prot is no option.*\n--port must be/,
  );
});

test.each([
  [
    { auth: 'jwt', jwtSecret: SECRET, jwtJwks: 'https://id.example.org/keys' },
    /--jwt-secret and --jwt-jwks exclude/,
  ],
  [
    { jwtSecret: SECRET, jwtIssuer: 'me' },
    /--jwt-secret, --jwt-issuer must go with --auth jwt; --auth is guest/,
  ],
  [
    { auth: 'jwt', jwtSecret: 'short', host: '0.0.0.0' },
    /--jwt-secret must be at least 32 bytes on 0.0.0.0; got 5/,
  ],
  [
    { apiKey: 'ops=short,app=MDEyMzQ1Njc4OWFiY2RlZg', host: '::' },
    /--api-key must be .* on ::; too short: ops$/,
  ],
  [
    { maxBufferedBytes: '16m' },
    /--max-buffered-bytes \(16777216\) must be at most --max-socket-bytes \(8388608\)/,
  ],
  [{ maxPageBytes: '16m' }, /--max-page-bytes \(16777216\) must be at most --max-socket-bytes/],
  [{ maxQueuedBytes: '64k' }, /--max-packet-bytes \(524288\) must be at most --max-queued-bytes \(65536\)/],
] as const)('%j contradicts itself', (flags, told) => {
  expect(mistakes(flags)).toEqual([expect.stringMatching(told)]);
});

test('faults are refused without --allow-faults, and read with it', () => {
  const faults = 'adapter.drop=0.2,adapter.delay=50,adapter.duplicate=0.1,adapter.reorder=0.1';
  expect(mistakes({}, { CHAT_FAULTS: faults })).toEqual([
    'CHAT_FAULTS is for drills and tests only; it needs --allow-faults',
  ]);
  expect(load({ allowFaults: 'true' }, { CHAT_FAULTS: faults }).faults).toEqual({
    drop: 0.2,
    duplicate: 0.1,
    reorder: 0.1,
    delayMs: 50,
  });
  for (const wrong of ['adapter.drop=2', 'adapter.drop', 'store.drop=0.1', 'adapter.delay=99999'])
    expect(mistakes({ allowFaults: 'true' }, { CHAT_FAULTS: wrong })).toHaveLength(1);
});

test('guests on an address that others can reach are warned about, and only they', () => {
  expect(loadConfig({ host: '0.0.0.0' }, {}).warnings).toEqual([
    expect.stringContaining('--auth guest on 0.0.0.0'),
  ]);
  expect(loadConfig({ host: '127.0.0.1' }, {}).warnings).toEqual([]);
  expect(loadConfig({ host: '0.0.0.0', auth: 'jwt', jwtSecret: SECRET }, {}).warnings).toEqual([]);
});

test('secrets are never shown, neither described nor in a mistake', () => {
  const { config } = loadConfig(
    { auth: 'jwt', jwtSecret: SECRET, redisUrl: 'redis://me:p/ss@wd@10.0.0.5:6379' },
    {},
  );
  const described = describeConfig(config).join('\n');
  expect(described).toContain('10.0.0.5:6379');
  expect(described).not.toContain(SECRET);
  expect(described).not.toMatch(/p\/ss|ss@wd/);
  expect(mistakes({ auth: 'jwt', jwtSecret: 'hunter2' }).join('\n')).not.toContain('hunter2');
  expect(mistakes({ redisUrl: 'redsi://me:hunter2@10.0.0.5' }).join('\n')).not.toContain('hunter2');
});

test('a key file must be one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-keys-'));
  try {
    const path = join(folder, 'key.pem');
    writeFileSync(path, 'not a key');
    expect(mistakes({ auth: 'jwt', jwtPublicKey: path })).toContainEqual(
      expect.stringContaining('--jwt-public-key must be a readable PEM file'),
    );
    writeFileSync(path, '{"keys":[]}');
    expect(load({ auth: 'jwt', jwtJwks: path }).jwtJwks).toBe(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('every option says what it does in one sentence', () => {
  for (const name of OPTION_NAMES) expect(optionRow(name).about).toMatch(/^[A-Z][^\n]*[^.]\.$/);
});

test('every default is a value that the option takes', () => {
  for (const name of OPTION_NAMES) {
    const { kind, default: fallback } = optionRow(name);
    if (fallback !== undefined) expect(kind.read(fallback), name).toBeDefined();
  }
});

test.each([
  'dashboard-reader:read,post=0123456789abcdef',
  'dash:READ=0123456789abcdef0123',
  'no spaces:read=0123456789abcdef',
  'read=0123456789abcdef',
])('--api-key %s, which would make a part of it the key, is a mistake', (given) => {
  expect(mistakes({ apiKey: given }).join()).toContain('--api-key');
});

test('what can be guessed is let pass on a loopback host alone, with a warning', () => {
  const short = { auth: 'jwt', jwtSecret: 'short', apiKey: 'k1' };
  expect(loadConfig(short, {}).warnings).toEqual([
    expect.stringMatching(/^--jwt-secret has less than 32 bytes/),
    expect.stringMatching(/^--api-key has less than 16 characters/),
  ]);
  expect(mistakes({ ...short, host: '10.0.0.1' })).toHaveLength(2);
});

test('keys may have any sign, and padding', () => {
  expect(load({ apiKey: 'MDEyMzQ1Njc4OWFiY2RlZg==,ops:read+post=0123:456=789abcdef' }).apiKey).toMatchObject([
    { name: 'key-1', scopes: ['read', 'post', 'admin'] },
    { name: 'ops', scopes: ['read', 'post'] },
  ]);
});

test.each([
  ['whsec_MDEyMzQ1Njc4OWFiY2RlZg==', []],
  ['sixteen bytes ok', []],
  ['fifteen bytes..', [expect.stringContaining('16 bytes')]],
  ['whsec_AAAAAAAAAA', [expect.stringMatching(/16 bytes.*got 7$/)]],
  ['whsec_!!!!!!!!!!!!!!!!!!', [expect.stringMatching(/got 0$/)]],
])('the secret of hooks %j is measured by the key it stands for', (hookSecret, expected) => {
  const lines = mistakes({ hook: 'https://example.org/', hookSecret });
  expect(lines).toEqual(expected);
});

test('what is for drills alone cannot be given from code', () => {
  expect(() => configFromCode({ faults: 'adapter.drop=1' } as object)).toThrow('faults is no option');
});

test('addresses with a user in them are no hooks, and none is shown with one', () => {
  const hookSecret = SECRET;
  expect(mistakes({ hook: 'https://user:pw@example.org/hook', hookSecret }).join()).toContain('--hook');
  expect(mistakes({ hook: 'https://example.org:99999/', hookSecret }).join()).toContain('--hook');
  const shown = describeConfig(load({ redisUrl: 'redis://:secret@host', adapter: 'redis' }));
  expect(JSON.stringify(shown)).not.toContain(':secret@');
});
