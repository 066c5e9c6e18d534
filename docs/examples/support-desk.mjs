/**
 * A support desk: whoever writes to the desk gets a private room with whoever is on duty.
 *
 *     node support-desk.mjs https://chat.example.org API_KEY agent-1,agent-2
 *
 * Under --auth jwt TOKEN in the environment is a token of the user `desk`.
 * It listens for direct messages to the user `desk`, opens a room for each customer with the API,
 * invites the agents, and tells the customer where to go on.
 */
import { createHash } from 'node:crypto';
import { io } from 'socket.io-client';

const [url = 'http://127.0.0.1:3000', key = '', agents = 'agent'] = process.argv.slice(2);

async function api(method, path, body) {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = response.status === 204 ? {} : await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${answer.error.message}`);
  return answer;
}

const desk = io(url, { auth: { user: 'desk', token: process.env.TOKEN, device: 'desk' } });

/** A user's name has signs that a room's may not have. */
function ticketOf(customer) {
  return `ticket-${createHash('sha256').update(customer).digest('hex').slice(0, 16)}`;
}

async function openTicket(customer, { room: direct, seq, text }) {
  const room = ticketOf(customer);
  await api('PUT', `/rooms/${room}`, { kind: 'private', title: `Ticket of ${customer}` });
  for (const user of ['desk', ...agents.split(',')])
    await api('PUT', `/rooms/${room}/members/${user}`, { role: user === 'desk' ? 'owner' : 'admin' });
  // Those who help have read what it is about when the customer comes in; the same key posts it once.
  await api('POST', `/rooms/${room}/messages`, {
    from: 'desk',
    text: `${customer}: ${text}`,
    id: `about-${seq}`,
  });
  await api('PUT', `/rooms/${room}/members/${customer}`, {});
  desk.emit('message:post', {
    room: direct,
    id: `answer-${seq}`,
    text: `We go on in ${room}.`,
    replyTo: seq,
  });
}

desk.on('messages', async ({ room, epoch, messages }) => {
  try {
    for (const message of messages)
      if (room.startsWith('dm:') && message.kind === 'text' && message.from !== 'desk')
        await openTicket(message.from, message);
    // Behind the work: what fails now comes again with the next connection.
    desk.emit('delivered', { positions: { [room]: { epoch, seq: messages.at(-1).seq } } });
  } catch (error) {
    console.error(error.message);
  }
});
desk.on('welcome', () => console.log('the desk is open'));
desk.on('connect_error', (error) => console.error(error.data ?? error.message));
