import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import { afterEach, expect, test } from 'vitest';
import { flagOf, OPTION_NAMES, optionRow } from '../../src/config/options.ts';
import { ChatClient } from '../support/client.ts';
import { startServer } from '../support/server.ts';
import { runCli } from './run-cli.ts';

const SECRET = 'a secret of thirty-two bytes, or more';
const folders: string[] = [];

function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'chat-cli-'));
  folders.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A taken port, until `free` is called. */
async function takePort(): Promise<{ readonly port: number; free(): Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, free: () => new Promise((resolve) => server.close(() => resolve())) };
}

test('--help names every option, in groups, with examples', async () => {
  const { code, stdout } = await runCli(['--help']);
  expect(code).toBe(0);
  for (const name of OPTION_NAMES) {
    if (optionRow(name).isEnvOnly !== true) expect(stdout).toMatch(new RegExp(`^ +${flagOf(name)}\\b`, 'm'));
    expect(stdout).toContain(`${optionRow(name).group}:`);
  }
  expect(stdout).toContain('Examples:');
});

test('--version is that of the package', async () => {
  const { code, stdout } = await runCli(['--version']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('all mistakes are told together on stderr, unknown flags, words and variables too, and end with 78', async () => {
  const { code, stdout, stderr } = await runCli(['--workrs', '8', '--port', '70000', 'strat'], {
    env: { CHAT_ADAPTR: 'redis' },
  });
  expect(code).toBe(78);
  expect(stdout).toBe('');
  expect(stderr).toContain('--workrs is no option of this command; did you mean --workers?');
  expect(stderr).toContain('strat is no command, and options begin with --; did you mean start?');
  expect(stderr).toContain('CHAT_ADAPTR is no variable of this server; did you mean CHAT_ADAPTER?');
  expect(stderr).toContain('--port must be a whole number from 0 to 65535; got "70000"');
});

test('an option without its value ends with 78', async () => {
  const { code, stderr } = await runCli(['--port']);
  expect(code).toBe(78);
  expect(stderr).toContain('--port');
});

test('a list may be given in one piece, in several, or as a variable', async () => {
  const cwd = tempFolder();
  const several = await runCli(['check', '--namespaces', '/a,/b', '--namespaces', '/c-*'], { cwd });
  expect(several.stdout).toContain('--namespaces /a,/b,/c-*');
  const variable = await runCli(['check'], { cwd, env: { CHAT_NAMESPACES: '/a,/b' } });
  expect(variable.stdout).toContain('--namespaces /a,/b');
});

test('check says what it would run with and what an acknowledgement would stand for', async () => {
  const { code, stdout } = await runCli(['check', '--port', '4321'], {
    cwd: tempFolder(),
    env: { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: SECRET },
  });
  expect(code).toBe(0);
  expect(stdout).toContain('--port 4321\n');
  expect(stdout).toMatch(/an acknowledgement would stand for: (disk|memory)\n$/);
  expect(stdout).not.toContain(SECRET);
});

test('a data directory that holds something else ends with 78, and is not touched', async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'photo.jpg'), 'x');
  for (const command of ['check', 'start']) {
    const { code, stderr } = await runCli([command, '--data-dir', folder, '--port', '0']);
    expect(code).toBe(78);
    expect(stderr).toContain('photo.jpg');
  }
});

test('a data directory in use by another server ends with 78', async () => {
  const folder = tempFolder();
  await using _server = await startServer({ workers: 1, dataDir: folder });
  const { code, stderr } = await runCli(['--data-dir', folder, '--port', '0']);
  expect(code).toBe(78);
  expect(stderr).toContain('used by another server');
});

test('a taken port ends with 69', async () => {
  const taken = await takePort();
  const { code, stderr } = await runCli(['--port', String(taken.port)], { cwd: tempFolder() });
  expect(code).toBe(69);
  expect(stderr).toContain(String(taken.port));
  await taken.free();
});

test('no Redis there ends with 69, and says where it was looked for', async () => {
  const free = await takePort();
  await free.free();
  const url = `redis://127.0.0.1:${free.port}`;
  for (const command of ['check', 'start']) {
    const { code, stderr } = await runCli([command, '--adapter', 'redis', '--redis-url', url, '--port', '0']);
    expect(code).toBe(69);
    expect(stderr).toContain(`127.0.0.1:${free.port}`);
  }
});

test('the server is ready where it says it is, and ends with 0 when told to', async () => {
  await using server = await startServer({ workers: 2 });
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  expect(await server.stop()).toBe(0);
});

test('token prints a token that holds what was asked for', async () => {
  const args = ['token', '--user', 'ada', '--name', 'Ada', '--namespaces', '/,/acme', '--expires', '5m'];
  const { code, stdout } = await runCli([...args, '--jwt-issuer', 'me', '--jwt-audience', 'you'], {
    env: { CHAT_JWT_SECRET: SECRET },
  });
  expect(code).toBe(0);
  const { payload } = await jwtVerify(stdout.trim(), new TextEncoder().encode(SECRET), {
    issuer: 'me',
    audience: 'you',
    algorithms: ['HS256'],
  });
  expect(payload).toMatchObject({ sub: 'ada', name: 'Ada', namespaces: ['/', '/acme'] });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
});

test('a token from the command line lets its user in, and another secret’s does not', async () => {
  await using server = await startServer({ workers: 1, args: ['--auth', 'jwt', '--jwt-secret', SECRET] });
  const token = async (secret: string): Promise<string> =>
    (await runCli(['token', '--jwt-secret', secret, '--user', 'ada'])).stdout.trim();
  using ada = await ChatClient.connect(server.url, { token: await token(SECRET) });
  expect(ada.welcome.user).toBe('ada');
  await expect(
    ChatClient.connect(server.url, { token: await token(SECRET.toUpperCase()) }),
  ).rejects.toMatchObject({ body: { code: 'unauthorized' } });
});

test('token without a secret, a user or a lawful time ends with 78', async () => {
  const { code, stdout, stderr } = await runCli(['token', '--expires', 'soon']);
  expect(code).toBe(78);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/--user must match/);
  expect(stderr).toMatch(/--expires must be a duration/);
  expect(stderr).toMatch(/--jwt-secret \(CHAT_JWT_SECRET\) is needed to sign/);
});

test('compare measures and says under which conditions', async () => {
  const args = ['--modes', 'cluster', '--scenarios', 'steady', '--quick', '--seconds', '1'];
  const file = join(tempFolder(), 'page.html');
  const load = ['--clients', '10', '--rooms', '2', '--html', file];
  const { code, stdout } = await runCli(['compare', ...args, ...load]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^cluster +[\d,]+/m);
  expect(stdout).toContain('chat-server 0.');
  expect(readFileSync(file, 'utf8')).toContain(args.join(' '));
});

test('compare tells its mistakes together and ends with 78', async () => {
  const others = ['--json', '/nowhere/a.json', '--tolerance', 'much'];
  const { code, stderr } = await runCli([
    'compare',
    '--modes',
    'fast',
    '--runs',
    '0',
    '--sconds',
    '3',
    ...others,
  ]);
  expect(code).toBe(78);
  expect(stderr).toContain('--sconds is no option of this command; did you mean --seconds?');
  expect(stderr).toContain(
    '--modes must be a list of cluster, redis, plain-cluster, plain-redis; got "fast"',
  );
  expect(stderr).toContain('--runs must be a whole number from 1 up; got "0"');
  expect(stderr).toContain('--json must be in a directory that exists; got "/nowhere/a.json"');
  expect(stderr).toContain('--tolerance must be a percentage from 0 to 99; got "much"');
});
