/**
 * A Fastify app that has a chat: one process, one port.
 *
 *     node fastify-app.mjs 3000 ./chat-data
 */
import { createServer } from 'node:http';
import { attachChat } from 'chat-server';
import Fastify from 'fastify';

const [port = '3000', dataDir = './chat-data'] = process.argv.slice(2);
const app = Fastify({
  // What is the chat's never comes to Fastify, which would take its body away.
  serverFactory: (answer) =>
    createServer((request, response) => chat.middleware(request, response, () => answer(request, response))),
});
const chat = await attachChat(app.server, { dataDir });

app.get('/', async () => 'an app with a chat');

await app.listen({ port: Number(port), host: '127.0.0.1' });
console.log(`ready http://127.0.0.1:${app.server.address().port}`);
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => void chat.close().then(() => app.close()));
