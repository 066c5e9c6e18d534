/**
 * An Express app that has a chat: one process, one port.
 *
 *     node express-app.mjs 3000 ./chat-data
 */
import { createServer } from 'node:http';
import { attachChat } from 'chat-server';
import express from 'express';

const [port = '3000', dataDir = './chat-data'] = process.argv.slice(2);
const app = express();
const http = createServer(app);

const chat = await attachChat(http, {
  dataDir,
  hooks: {
    authorize: ({ action, user }) => action !== 'create' || user !== 'mallory' || 'not you',
    onMessage: ({ text }) => {
      if (text.includes('spam')) return { refuse: 'no spam, please' };
      return { text: text.replaceAll('teh', 'the') };
    },
  },
});

app.get('/', (_request, response) => response.send('an app with a chat'));
app.use(chat.middleware);

http.listen(Number(port), '127.0.0.1', () => {
  console.log(`ready http://127.0.0.1:${http.address().port}`);
});
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => void chat.close().then(() => http.close()));
