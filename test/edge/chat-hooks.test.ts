/** What a say of the application comes to. */
import { expect, test } from 'vitest';
import { draft } from '../../src/chat/entry.ts';
import { authorizeBy, decideBy, type ChatHooks, type IncomingMessage } from '../../src/edge/chat-hooks.ts';

const QUESTION = { action: 'connect', namespace: '/', user: 'ada' } as const;
const MESSAGE: IncomingMessage = {
  namespace: '/',
  room: 'r',
  from: 'ada',
  id: '1',
  kind: 'text',
  text: 'hello',
};
const MADE = draft('ada', '1', 'text', { text: 'hello' });

test('without the hook everybody may; with it only who is told so', async () => {
  await authorizeBy({}, QUESTION);
  await authorizeBy({ authorize: () => true }, QUESTION);
  for (const answer of [false, undefined, null, 0, 'not you'])
    await expect(
      authorizeBy({ authorize: () => answer } as unknown as ChatHooks, QUESTION),
    ).rejects.toMatchObject({
      body: { code: 'forbidden', message: answer === 'not you' ? 'not you' : expect.any(String) },
    });
});

test('nothing, and null, leave a message as it is', async () => {
  for (const answer of [undefined, null])
    expect(await decideBy({ onMessage: () => answer } as unknown as ChatHooks, MESSAGE, MADE)).toBe(MADE);
  await expect(decideBy({ onMessage: () => ({ refuse: 'no' }) }, MESSAGE, MADE)).rejects.toMatchObject({
    body: { code: 'forbidden', message: 'no' },
  });
});
