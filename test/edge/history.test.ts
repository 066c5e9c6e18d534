/** `history` hands on entries: like a feed, not before it is known who may have none. */
import { expect, test } from 'vitest';
import type { Session } from '../../src/chat/session.ts';
import { StoreUnavailable } from '../../src/chat/store-unavailable.ts';
import type { Caller, ChatContext } from '../../src/edge/chat-context.ts';
import type { Asked } from '../../src/edge/request.ts';
import { handleHistory } from '../../src/edge/requests/history.ts';
import { RecordingOutlet } from '../support/recording-outlet.ts';
import { QUIET_PARTS } from '../support/quiet-parts.ts';

const PAGE = {
  info: { chain: [{ epoch: 'e', base: 0 }], first: 1, head: 1 },
  membership: {},
  entries: [{ seq: 1, json: '{"seq":1}' }],
  edited: [],
  more: false,
};

function scene(confirmed: ChatContext['confirmed']) {
  const session = {
    namespace: '/',
    user: 'ada',
    isClosed: false,
    gave: () => {},
    outlet: new RecordingOutlet(),
  };
  const context = { ...QUIET_PARTS, confirmed, store: { history: async () => PAGE } };
  const ask = () =>
    handleHistory(
      context as unknown as ChatContext,
      { session: session as unknown as Session } as unknown as Caller,
      { room: 'tea' } as never,
      {} as Asked,
    );
  return { session, ask };
}

test('while orders cannot be read nobody is given the past', async () => {
  const { ask } = scene(() => Promise.reject(new StoreUnavailable('not known')));
  await expect(ask()).rejects.toThrow('not known');
});

test('who was ended by an order that had to be read first is given nothing', async () => {
  let go = (): void => {};
  const { session, ask } = scene(() => new Promise((resolve) => (go = resolve)));
  const asked = ask();
  await new Promise(setImmediate);
  session.isClosed = true;
  go();
  await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
});

test('else it is', async () => {
  expect(await scene(() => undefined).ask()).toMatchObject({ reply: { messages: [{ seq: 1 }] } });
});
