/** The examples of docs/, run as they are. */
import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import type { Message } from '../../src/protocol/words.ts';
import { ChatClient, fresh, until } from '../support/client.ts';
import { startServer } from '../support/server.ts';
import { makeProject, type Project } from './packed.ts';

const EXAMPLES = fileURLToPath(new URL('../../docs/examples/', import.meta.url));
const KEY = 'the-key-of-the-examples';

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

/** Runs until its output has this; gives the output so far. */
async function run(script: string, args: readonly string[], until_: string): Promise<() => string> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  let out = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (part: Buffer) => (out += part.toString()));
  await until(
    () => out.includes(until_),
    15_000,
    () => `${script} said: ${out}`,
  );
  return () => out;
}

test('support desk: a direct message becomes a private room with whoever is on duty', async () => {
  await using server = await startServer({ workers: 2, args: ['--api-key', KEY] });
  const agent = fresh('agent');
  await run(join(EXAMPLES, 'support-desk.mjs'), [server.url, KEY, agent], 'the desk is open');
  using duty = await ChatClient.connect(server.url, { user: agent });
  using customer = await ChatClient.connect(server.url, { user: fresh('customer') });
  const { room } = await customer.ask<{ room: string }>('dm:open', { user: 'desk' });
  await customer.post(room, 'my tea is cold');
  let ticket = '';
  for (const client of [customer, duty]) {
    const state = await client.event('room', ({ kind }: { kind?: string }) => kind === 'private');
    ticket = (state as { room: string }).room;
  }
  expect(ticket).toMatch(/^ticket-[0-9a-f]{16}$/);
  await until(
    () => customer.texts(room).length === 2,
    5_000,
    () => 'no answer',
  );
  expect(customer.texts(room)[1]).toContain(ticket);
  const { messages } = await duty.ask<{ messages: Message[] }>('history', { room: ticket });
  expect(messages.find(({ kind }) => kind === 'text')?.text).toContain('my tea is cold');
  await customer.post(ticket, 'hello?');
  await until(
    () => duty.texts(ticket).includes('hello?'),
    5_000,
    () => 'the agent does not hear it',
  );
}, 60_000);

test('agent: it answers what is asked of it, and streams its answer as edits', async () => {
  await using server = await startServer({ workers: 2 });
  const room = fresh('room');
  await run(join(EXAMPLES, 'ai-agent.mjs'), [server.url, room], 'the agent is in');
  using ada = await ChatClient.connect(server.url, { user: fresh('ada') });
  await ada.join(room);
  await ada.post(room, 'nobody is asked');
  const { seq } = await ada.post(room, '@agent what is the time');
  const whole = 'You asked: what is the time. I am thinking about it.';
  await until(
    () => ada.messages(room).some(({ kind, text }) => kind === 'edit' && text === whole),
    15_000,
    () => 'no answer',
  );
  const edits = ada.messages(room).filter(({ kind }) => kind === 'edit');
  expect(edits.length).toBeGreaterThan(1);
  const page = await ada.ask<{ messages: Message[] }>('history', { room });
  expect(page.messages.find(({ replyTo }) => replyTo === seq)).toMatchObject({ from: 'agent', text: whole });
}, 60_000);

/** Runs an example of an application in a project of its own; gives where it is. */
async function runApp(project: Project, name: string): Promise<string> {
  const script = join(project.dir, name);
  copyFileSync(join(EXAMPLES, name), script);
  const out = await run(script, ['0', join(project.dir, 'data')], 'ready http');
  const url = /ready (http\S+)/.exec(out())?.[1] ?? '';
  expect(await (await fetch(url)).text()).toBe('an app with a chat');
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect((await fetch(`${url}/nothing`)).status).toBe(404);
  return url;
}

async function endApp(): Promise<void> {
  const child = running.at(-1);
  const ended = new Promise((resolve) => child?.once('exit', resolve));
  const began = performance.now();
  child?.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(performance.now() - began).toBeLessThan(15_000);
}

test('Express: an app and its chat share a port, and the app has a say', async () => {
  using project = makeProject(['express']);
  const url = await runApp(project, 'express-app.mjs');
  const room = fresh('room');
  for (const transport of ['websocket', 'polling'] as const) {
    using ada = await ChatClient.connect(url, { user: fresh('ada'), transports: [transport] });
    await ada.join(room);
    await ada.post(room, 'teh tea');
    await until(
      () => ada.texts(room).includes('the tea'),
      5_000,
      () => ada.texts(room).join(),
    );
    expect(await ada.request('message:post', { room, id: 'x', text: 'spam' })).toMatchObject({
      error: { code: 'forbidden', message: 'no spam, please' },
    });
  }
  using mallory = await ChatClient.connect(url, { user: 'mallory' });
  expect(await mallory.request('room:create', { kind: 'public' })).toMatchObject({
    error: { code: 'forbidden', message: 'not you' },
  });
  await endApp();
}, 60_000);

test('Fastify: an app and its chat share a port', async () => {
  using project = makeProject(['fastify']);
  const url = await runApp(project, 'fastify-app.mjs');
  const room = fresh('room');
  for (const transport of ['websocket', 'polling'] as const) {
    using ada = await ChatClient.connect(url, { user: fresh('ada'), transports: [transport] });
    await ada.join(room);
    await ada.post(room, transport);
    await until(
      () => ada.texts(room).includes(transport),
      5_000,
      () => ada.texts(room).join(),
    );
  }
  await endApp();
}, 60_000);
