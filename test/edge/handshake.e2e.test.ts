import { SignJWT, exportJWK, exportSPKI, generateKeyPair } from 'jose';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import WebSocket from 'ws';
import { Authenticator } from '../../src/edge/auth.ts';
import { ChatClient, fresh, until } from '../support/client.ts';
import { startServer, type RunningServer } from '../support/server.ts';

const SECRET = 'a secret of at least thirty-two bytes, for tests';
let guest: RunningServer;
let strict: RunningServer;

beforeAll(async () => {
  guest = await startServer({ workers: 1 });
  strict = await startServer({
    workers: 1,
    args: ['--auth', 'jwt', '--jwt-secret', SECRET, '--jwt-audience', 'chat', '--namespaces', '/acme'],
  });
});
afterAll(async () => {
  await guest[Symbol.asyncDispose]();
  await strict[Symbol.asyncDispose]();
});

function signed(
  claims: object = {},
  { sub = 'ada', aud = 'chat', exp = '1h', alg = 'HS256', secret = SECRET } = {},
): Promise<string> {
  const token = new SignJWT({ ...claims })
    .setProtectedHeader({ alg })
    .setSubject(sub)
    .setAudience(aud)
    .setIssuedAt();
  return token.setExpirationTime(exp).sign(new TextEncoder().encode(secret));
}

async function codeOf(token: string | undefined, namespace = '/'): Promise<string> {
  try {
    const client = await ChatClient.connect(strict.url, {
      ...(token === undefined ? {} : { token }),
      namespace,
    });
    client.close();
    return 'ok';
  } catch (error) {
    return (error as { body?: { code: string } }).body?.code ?? String(error);
  }
}

/** A raw WebSocket that has said CONNECT so many times. */
async function rawConnect(url: string, connects: number): Promise<{ socket: WebSocket; packets: string[] }> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
  const packets: string[] = [];
  socket.on('message', (data) => packets.push((data as Buffer).toString()));
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('open', resolve));
  for (let i = 0; i < connects; i += 1) socket.send(`40${JSON.stringify({ user: fresh('u') })}`);
  return { socket, packets };
}

test('trap 9: many CONNECTs on one connection make one socket', async () => {
  const { socket, packets } = await rawConnect(guest.url, 5);
  await until(
    () =>
      packets.some((packet) => packet.startsWith('42["welcome"')) || socket.readyState === WebSocket.CLOSED,
    5_000,
    () => 'no answer',
  );
  await pause(200);
  expect(packets.filter((packet) => packet.startsWith('40')).length).toBeLessThanOrEqual(1);
  expect(packets.filter((packet) => packet.startsWith('42["welcome"')).length).toBeLessThanOrEqual(1);
  socket.terminate();
});

test('trap 20: a message in very many fragments closes the connection', async () => {
  const { socket } = await rawConnect(guest.url, 1);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (let i = 0; i < 200; i += 1) socket.send('x', { fin: false });
  await closed;
});

test('trap 7.2: a page of another origin may not connect, one of this server’s own may', async () => {
  const attempt = (origin: string) =>
    new Promise<string>((resolve) => {
      const socket = new WebSocket(
        `${guest.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`,
        { headers: { origin } },
      );
      socket.on('open', () => resolve('open'));
      socket.on('error', () => resolve('refused'));
      socket.on('open', () => socket.terminate());
    });
  expect(await attempt('https://elsewhere.example')).toBe('refused');
  expect(await attempt(guest.url)).toBe('open');
});

test('tokens: what each wrong one is refused with', async () => {
  expect(await codeOf(await signed())).toBe('ok');
  expect(await codeOf(undefined)).toBe('unauthorized');
  expect(await codeOf('nonsense')).toBe('unauthorized');
  expect(await codeOf(await signed({}, { exp: '-1m' }))).toBe('expired');
  expect(await codeOf(await signed({}, { aud: 'other' }))).toBe('unauthorized');
  expect(await codeOf(await signed({}, { secret: `${SECRET}!` }))).toBe('unauthorized');
  expect(await codeOf(await signed({}, { sub: 'a b' }))).toBe('unauthorized');
  expect(await codeOf(await signed({ namespaces: ['/acme'] }))).toBe('forbidden');
  expect(await codeOf(await signed({ namespaces: ['/acme'] }), '/acme')).toBe('ok');
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"ada","aud":"chat"}').toString('base64url')}.`;
  expect(await codeOf(none)).toBe('unauthorized');
  expect(await codeOf(await signed({ nbf: Math.floor(Date.now() / 1_000) + 60 }))).toBe('unauthorized');
  expect(await codeOf(await signed({ much: 'x'.repeat(20_000) }))).toBe('unauthorized');
});

test('a public key in a file: what its private key signed is taken, what the public one was the secret of is not', async () => {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const dir = mkdtempSync(join(tmpdir(), 'pem-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const [file, pem] = [join(dir, 'key.pem'), await exportSPKI(publicKey)];
  writeFileSync(file, pem);
  await using server = await startServer({ workers: 1, args: ['--auth', 'jwt', '--jwt-public-key', file] });
  const token = (alg: string, key: typeof privateKey | Uint8Array): Promise<string> =>
    new SignJWT().setProtectedHeader({ alg }).setSubject('ada').setExpirationTime('1h').sign(key);
  using ada = await ChatClient.connect(server.url, { token: await token('RS256', privateKey) });
  expect(ada.welcome.user).toBe('ada');
  for (const secret of [pem, pem.trim()])
    await expect(
      ChatClient.connect(server.url, { token: await token('HS256', new TextEncoder().encode(secret)) }),
    ).rejects.toMatchObject({ body: { code: 'unauthorized' } });
});

test('a wrong token counts for its address: nobody can go on guessing', async () => {
  await using server = await startServer({
    workers: 1,
    args: ['--auth', 'jwt', '--jwt-secret', SECRET, '--rate-address-connects', '3/1m'],
  });
  for (const code of ['unauthorized', 'unauthorized', 'unauthorized', 'rate_limited'])
    await expect(ChatClient.connect(server.url, { token: 'guessed' })).rejects.toMatchObject({
      body: { code },
    });
});

test('a connection ends when its token expires, unless a fresh one came by then', async () => {
  const one = await ChatClient.connect(strict.url, { token: await signed({}, { exp: '2s' }) });
  const two = await ChatClient.connect(strict.url, { token: await signed({}, { exp: '2s' }) });
  await two.ask('auth:refresh', { token: await signed() });
  expect(await two.request('auth:refresh', { token: await signed({}, { sub: 'bob' }) })).toMatchObject({
    ok: false,
    error: { code: 'unauthorized' },
  });
  await one.event('closing', ({ reason }: { reason: string }) => reason === 'expired');
  await until(
    () => !one.socket.connected,
    3_000,
    () => 'still connected',
  );
  expect(two.socket.connected).toBe(true);
  two.close();
});

test('a JWK set in a file: its key is taken, a secret made of the public key is not', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const dir = mkdtempSync(join(tmpdir(), 'jwks-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'keys.json');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' };
  writeFileSync(file, JSON.stringify({ keys: [jwk] }));
  await using server = await startServer({ workers: 1, args: ['--auth', 'jwt', '--jwt-jwks', file] });
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setSubject('ada')
    .setExpirationTime('1h')
    .sign(privateKey);
  const client = await ChatClient.connect(server.url, { token });
  expect(client.welcome.user).toBe('ada');
  client.close();
  const confused = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256', kid: 'one' })
    .setSubject('ada')
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(JSON.stringify(jwk)));
  await expect(ChatClient.connect(server.url, { token: confused })).rejects.toMatchObject({
    body: { code: 'unauthorized' },
  });
});

test('a token that was revoked is refused at the door, and one that is newer is not', async () => {
  const key = 'the-key-that-may-everything';
  await using server = await startServer({
    workers: 2,
    args: ['--auth', 'jwt', '--jwt-secret', SECRET, '--api-key', key],
  });
  const issued = (iat: number): Promise<string> =>
    new SignJWT()
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('eve')
      .setIssuedAt(iat)
      .sign(new TextEncoder().encode(SECRET));
  const now = Math.floor(Date.now() / 1_000);
  const [old, young] = [await issued(now - 60), await issued(now + 2)];
  const before = await ChatClient.connect(server.url, { token: old });
  await fetch(`${server.url}/api/v1/users/eve/revoke`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
  });
  await before.event('closing', ({ reason }: { reason: string }) => reason === 'revoked');
  before.close();
  for (let i = 0; i < 4; i += 1)
    await expect(ChatClient.connect(server.url, { token: old })).rejects.toMatchObject({
      body: { code: 'unauthorized', retry: false },
    });
  using after = await ChatClient.connect(server.url, { token: young });
  expect(after.user).toBe('eve');
  // Nor does it keep a connection that a newer one made.
  expect(await after.request('auth:refresh', { token: old })).toMatchObject({
    ok: false,
    error: { code: 'unauthorized', message: expect.stringContaining('revoked') },
  });
  expect(await after.request('auth:refresh', { token: young })).toMatchObject({ ok: true });
});

test('a set of keys that cannot be fetched says nothing about a token: `unavailable`', async () => {
  const { privateKey } = await generateKeyPair('ES256');
  const token = await new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setSubject('ada')
    .sign(privateKey);
  const answers: [number, string][] = [
    [502, 'bad gateway'],
    [200, '<html>'],
    [200, '{"no":"keys"}'],
  ];
  let [status, text] = answers[0] ?? [0, ''];
  const provider = createServer((_, response) => response.writeHead(status).end(text)).listen(0, '127.0.0.1');
  onTestFinished(() => void provider.close());
  await once(provider, 'listening');
  const jwtJwks = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks`;
  let told = 0;
  for ([status, text] of answers) {
    const auth = Authenticator.open({ auth: 'jwt', jwtJwks }, () => (told += 1));
    await expect(auth.token(token, '/')).rejects.toMatchObject({
      body: { code: 'unavailable', retry: true },
    });
  }
  expect(told).toBe(3);
});

test('a namespace that was empty while somebody came in tells them of rooms, and lets others in', async () => {
  const token = await signed({ namespaces: ['/acme'] }, { sub: fresh('ada') });
  const { socket, packets } = await rawConnect(strict.url, 0);
  const has = (begin: string) =>
    until(
      () => packets.some((packet) => packet.startsWith(begin)),
      5_000,
      () => packets.join('; '),
    );
  // The second is refused while the first is looked at, and takes the empty namespace away.
  for (let i = 0; i < 2; i += 1) socket.send(`40/acme,${JSON.stringify({ token })}`);
  await has('44/acme,');
  await has('42/acme,["welcome"');
  using other = await ChatClient.connect(strict.url, { token, namespace: '/acme' });
  await other.join(fresh('room'));
  await has('42/acme,["room"');
  using late = await ChatClient.connect(strict.url, { token, namespace: '/acme' });
  expect(late.socket.connected).toBe(true);
  socket.terminate();
});

test('a body of long polling with more packets than a client may have outstanding ends the connection', async () => {
  const base = `${guest.url}/socket.io/?EIO=4&transport=polling`;
  const opened = await (await fetch(base)).text();
  const { sid } = JSON.parse(opened.slice(1)) as { sid: string };
  const post = async (body: string) => (await fetch(`${base}&sid=${sid}`, { method: 'POST', body })).status;
  expect(await post(`40${JSON.stringify({ user: fresh('u') })}`)).toBe(200);
  expect(await post(Array.from({ length: 500 }, () => '42["x"]').join('\u001e'))).toBe(200);
  await post(Array.from({ length: 20_000 }, () => '42["x"]').join('\u001e'));
  // The end is told by the next polls.
  let polled = 200;
  for (let i = 0; i < 5 && polled === 200; i += 1) polled = (await fetch(`${base}&sid=${sid}`)).status;
  expect(polled).toBe(400);
  using other = await ChatClient.connect(guest.url, { user: fresh('u') });
  expect(other.socket.connected).toBe(true);
});
