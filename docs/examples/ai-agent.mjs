/**
 * An agent in a room: it answers what is asked of it, and streams its answer as edits of one message.
 *
 *     node ai-agent.mjs http://127.0.0.1:3000 lobby
 *
 * Under --auth jwt TOKEN in the environment is a token of the user `agent`.
 * `think` stands for a model: anything that gives its answer bit by bit.
 */
import { io } from 'socket.io-client';

const [url = 'http://127.0.0.1:3000', room = 'lobby'] = process.argv.slice(2);
const socket = io(url, { auth: { user: 'agent', token: process.env.TOKEN, device: 'agent' } });

async function* think(question) {
  for (const word of `You asked: ${question}. I am thinking about it.`.split(' ')) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    yield word;
  }
}

/** The reply; the same id again where it may be tried again, so that it is stored once. */
async function ask(event, request) {
  for (;;) {
    const reply = await socket
      .timeout(10_000)
      .emitWithAck(event, request)
      .catch(() => undefined);
    if (reply?.ok) return reply;
    if (reply !== undefined && !reply.error.retry) throw new Error(reply.error.message);
    await new Promise((resolve) => setTimeout(resolve, reply?.error.retryAfterMs ?? 1_000));
  }
}

/** What it answers now. An answer has the same ids each time, so one that is begun anew is stored once. */
const answering = new Set();

async function answer({ seq, text }) {
  const id = `answer-${seq}`;
  const { seq: own } = await ask('message:post', { room, id, text: '…', replyTo: seq });
  let words = '';
  let edits = 0;
  let editedAt = Date.now();
  for await (const word of think(text.replace('@agent', '').trim())) {
    words = `${words} ${word}`.trim();
    // A few times a second is enough for an eye, and a message has at most 1,000 edits.
    if (Date.now() - editedAt < 100) continue;
    editedAt = Date.now();
    await ask('message:edit', { room, id: `${id}-${(edits += 1)}`, seq: own, text: words });
  }
  await ask('message:edit', { room, id: `${id}-end`, seq: own, text: words });
}

socket.on('welcome', () => socket.emit('room:join', { room }, () => console.log(`the agent is in ${room}`)));
socket.on('messages', ({ room: where, epoch, messages }) => {
  // Direct rooms, which anybody may open, are not what it is here for.
  if (where !== room) return;
  for (const message of messages) {
    const { seq, kind, text } = message;
    if (kind !== 'text' || !text?.includes('@agent') || answering.has(seq)) continue;
    answering.add(seq);
    answer(message)
      .catch((error) => console.error(error.message))
      .finally(() => answering.delete(seq));
  }
  socket.emit('delivered', { positions: { [room]: { epoch, seq: messages.at(-1).seq } } });
});
socket.on('connect_error', (error) => console.error(error.data ?? error.message));
