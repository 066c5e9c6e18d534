import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { io, type Socket } from 'socket.io-client';
import { expect, test } from 'vitest';
import { startRedis } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { Nginx } from './nginx.ts';

const CERTIFICATE = readFileSync(new URL('./fixtures/proxy.pem', import.meta.url));

class Guest implements Disposable {
  readonly socket: Socket;
  node = '';
  readonly texts: string[] = [];

  constructor(url: string, user: string, transports: ('polling' | 'websocket')[], origin: string) {
    this.socket = io(url, {
      auth: { user, device: 'd' },
      transports,
      forceNew: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 500,
      ca: CERTIFICATE.toString(),
      extraHeaders: { origin },
    });
    this.socket.on('welcome', ({ server }: { server: { node: string } }) => {
      this.node = server.node;
    });
    this.socket.on('messages', ({ messages }: { messages: { text: string }[] }) => {
      for (const { text } of messages) this.texts.push(text);
    });
  }

  async welcomed(): Promise<this> {
    await once(this.socket as unknown as NodeJS.EventEmitter, 'welcome');
    return this;
  }

  async ask(event: string, object: object): Promise<void> {
    const reply: unknown = await this.socket.timeout(10_000).emitWithAck(event, object);
    expect(reply).toMatchObject({ ok: true });
  }

  post(text: string): Promise<void> {
    return this.ask('message:post', { room: 'lobby', id: `${text}-${Math.random()}`, text });
  }

  async reads(text: string): Promise<void> {
    while (!this.texts.includes(text)) await once(this.socket as unknown as NodeJS.EventEmitter, 'messages');
  }

  [Symbol.dispose](): void {
    this.socket.disconnect();
  }
}

const address = (url: string): string => url.replace('http://', '');

test('behind the nginx of one host, long polling, WebSocket and the upgrade between them chat over TLS', async () => {
  await using server = await startServer({ workers: 2 });
  await using nginx = await Nginx.start('one host', [address(server.url)]);
  using ada = await new Guest(nginx.url, 'ada', ['polling'], nginx.url).welcomed();
  using bob = await new Guest(nginx.url, 'bob', ['websocket'], nginx.url).welcomed();
  using eve = await new Guest(nginx.url, 'eve', ['polling', 'websocket'], nginx.url).welcomed();
  if (eve.socket.io.engine.transport.name !== 'websocket')
    await once(eve.socket.io.engine as unknown as NodeJS.EventEmitter, 'upgrade');
  for (const guest of [ada, bob, eve]) await guest.ask('room:join', { room: 'lobby' });
  for (const guest of [ada, bob, eve]) await guest.post(`from ${guest.node}`);
  await ada.post('done');
  for (const guest of [ada, bob, eve]) await guest.reads('done');
  expect(ada.texts).toHaveLength(4);
  expect(bob.texts).toEqual(ada.texts);
  expect(eve.texts).toEqual(ada.texts);
});

test('behind nginx a page of the server’s own address may connect, and one of another may not', async () => {
  await using server = await startServer({ workers: 1 });
  await using nginx = await Nginx.start('one host', [address(server.url)]);
  using stranger = new Guest(nginx.url, 'eve', ['websocket'], 'https://elsewhere.example.org');
  await once(stranger.socket as unknown as NodeJS.EventEmitter, 'connect_error');
  using own = await new Guest(nginx.url, 'ada', ['websocket'], nginx.url).welcomed();
  expect(own.socket.connected).toBe(true);
});

test('behind the nginx of several hosts, clients stay on a host, and go on at another when it ends', async () => {
  await using redis = await startRedis();
  const start = () =>
    startServer({
      adapter: 'redis',
      workers: 1,
      redisUrl: redis.url,
      redisPrefix: 'nginx',
      args: ['--drain-spread', '100ms', '--reconnect-spread', '0ms'],
    });
  await using one = await start();
  await using two = await start();
  await using nginx = await Nginx.start('several hosts', [address(one.url), address(two.url)]);
  using ada = await new Guest(nginx.url, 'ada', ['polling'], nginx.url).welcomed();
  using bob = await new Guest(nginx.url, 'bob', ['websocket'], nginx.url).welcomed();
  for (const guest of [ada, bob]) await guest.ask('room:join', { room: 'lobby' });
  await ada.post('before');
  await bob.reads('before');

  const before = ada.node;
  const [serving] = [one, two].filter((host) => host.workers().some((pid) => before.endsWith(`:${pid}`)));
  if (serving === undefined) throw new Error(`no host has the worker ${before}`);
  const moved = Promise.all([ada.welcomed(), bob.welcomed()]);
  expect(await serving.stop()).toBe(0);
  await moved;
  expect(ada.node).not.toBe(before);
  await bob.post('after');
  await ada.reads('after');
  await bob.reads('after');
  expect(new Set(ada.texts)).toEqual(new Set(['before', 'after']));
});
