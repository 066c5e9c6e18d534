// Compiled in strict mode against the packed library, and run.
import { createServer } from 'node:http';
import {
  attachChat,
  ConfigError,
  startChatServer,
  type ChatHooks,
  type IncomingMessage,
  type MessageDecision,
} from 'chat-server';
import { io } from 'socket.io-client';

const [dataDir = '', hooksUrl = ''] = process.argv.slice(2);

function connect(url: string, user: string): Promise<ReturnType<typeof io>> {
  const socket = io(url, { auth: { user }, transports: ['websocket'] });
  return new Promise((resolve, reject) => {
    socket.once('welcome', () => resolve(socket));
    socket.once('connect_error', reject);
  });
}

async function post(url: string, text: string): Promise<unknown> {
  const socket = await connect(url, 'ada');
  await socket.emitWithAck('room:join', { room: 'tea' });
  const reply: unknown = await socket.emitWithAck('message:post', { room: 'tea', id: text, text });
  const page = (await socket.emitWithAck('history', { room: 'tea', limit: 1 })) as {
    messages: { text?: string }[];
  };
  socket.disconnect();
  return { reply, stored: page.messages[0]?.text };
}

const said: unknown[] = [];

// Everything that is wrong is told at once, by name.
try {
  await startChatServer({ workers: 0, pingInterval: 5, rooms: 'open' });
} catch (error) {
  if (error instanceof ConfigError) said.push(error.mistakes.length);
}

for (const hooks of ['./hooks.mjs', new URL('nowhere.mjs', import.meta.url), import.meta.resolve('chat-server')]) {
  try {
    await startChatServer({ workers: 2, port: 0, dataDir: `${dataDir}/one`, logLevel: 'silent', hooks });
  } catch (error) {
    if (error instanceof ConfigError) said.push(error.mistakes.join());
  }
}

// @ts-expect-error: an option that is none does not compile
void (() => startChatServer({ worker: 2 }));
// @ts-expect-error: nor does a word that is none
void (() => startChatServer({ adapter: 'kafka' }));

{
  await using server = await startChatServer({
    workers: 2,
    port: 0,
    dataDir: `${dataDir}/one`,
    logLevel: 'silent',
    pingInterval: 20_000,
    hooks: hooksUrl,
  });
  said.push(await post(server.url, 'hello'), await post(server.url, 'spam'));
  said.push(await server.reload());
  said.push(await post(server.url, 'again'));
}

const hooks: ChatHooks = {
  onMessage: (message: IncomingMessage): MessageDecision => ({ text: message.text.toUpperCase() }),
  authorize: async ({ action, user }) => action !== 'connect' || user === 'ada' || 'ada alone',
};
const http = createServer((request, response) => {
  chat.middleware(request, response, () => response.end('mine'));
});
const chat = await attachChat(http, { dataDir: `${dataDir}/two`, logLevel: 'silent', drainSpread: 0, hooks });
await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
const address = http.address();
const url = `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
said.push(await post(url, 'hello'));
said.push(await (await fetch(`${url}/anything`)).text(), (await fetch(`${url}/healthz`)).status);
said.push(await connect(url, 'bob').then(() => 'in', (error: Error & { data?: unknown }) => error.data));
await chat.close();
http.close();
console.log(JSON.stringify(said));
