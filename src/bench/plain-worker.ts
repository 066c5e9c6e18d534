/**
 * The worker of `plain`: what the Socket.IO documentation shows for each adapter. Nothing is
 * stored, numbered, limited or checked; the words on the wire are the chat's, so that one load
 * drives both.
 *
 * One thing differs from the documentation, in its favour: without node-redis' command timeout
 * (5 s, and an AbortSignal for every publish) it is faster, and does not drop messages when a
 * publish waits longer.
 */
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/cluster-adapter';
import { createShardedAdapter } from '@socket.io/redis-adapter';
import { setupWorker } from '@socket.io/sticky';
import { createClient } from 'redis';
import { Server } from 'socket.io';

interface Post {
  readonly room: string;
  readonly id: string;
  readonly text: string;
}

type Reply = (reply: { readonly ok: true; readonly room: string }) => void;

type AdapterFactory = NonNullable<Parameters<Server['adapter']>[0]>;

async function openAdapter(redisUrl: string | undefined): Promise<AdapterFactory> {
  if (redisUrl === undefined) return createAdapter();
  const pubClient = createClient({ url: redisUrl, commandOptions: { timeout: 0 } });
  const subClient = pubClient.duplicate();
  for (const client of [pubClient, subClient])
    client.on('error', (error: Error) => process.stderr.write(`${error.message}\n`));
  await Promise.all([pubClient.connect(), subClient.connect()]);
  return createShardedAdapter(pubClient, subClient);
}

const io = new Server(createServer());
io.adapter(await openAdapter(process.env['PLAIN_REDIS_URL']));
setupWorker(io);

io.on('connection', (socket) => {
  const auth: { user?: unknown } = socket.handshake.auth;
  const user = String(auth.user);
  socket.on('room:join', async ({ room }: { readonly room: string }, reply: Reply) => {
    await socket.join(room);
    reply({ ok: true, room });
  });
  socket.on('message:post', ({ room, id, text }: Post, reply: Reply) => {
    const message = { id, from: user, at: Date.now(), text };
    io.to(room).emit('messages', { room, messages: [message] });
    reply({ ok: true, room });
  });
});

process.send?.({ type: 'plain:ready' });
