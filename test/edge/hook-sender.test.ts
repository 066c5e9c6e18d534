/** What an answer of a receiver means: taken, not now, or not this. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HookRefused, sendHook } from '../../src/edge/hooks/hook-sender.ts';
import { HOOK_SECRET, startReceiver, type HookReceiver } from '../support/hook-receiver.ts';

let receiver: HookReceiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(() => receiver[Symbol.asyncDispose]());

function send(event: object = {}, signal = new AbortController().signal): Promise<void> {
  return sendHook({ url: receiver.url, secret: HOOK_SECRET }, 'the-id', event, signal);
}

async function failureOf(status: number): Promise<unknown> {
  receiver.status = status;
  return send().catch((error: unknown) => error);
}

test('an event that is taken came as it was, signed', async () => {
  receiver.status = 204;
  await send({ type: 'user.online', namespace: '/', user: 'ada' });
  expect(receiver.others).toMatchObject([{ type: 'user.online', user: 'ada' }]);
  expect(receiver.faults).toEqual([]);
});

test.each([400, 404, 410, 413, 422])(
  '%i is about what was sent: the receiver does not want it',
  async (status) => {
    expect(await failureOf(status)).toBeInstanceOf(HookRefused);
  },
);

test.each([408, 429, 500, 503])('%i is of the moment: the receiver is left alone', async (status) => {
  const failure = await failureOf(status);
  expect(failure).toBeInstanceOf(Error);
  expect(failure).not.toBeInstanceOf(HookRefused);
  expect(String(failure)).toContain(String(status));
});

test('a receiver that does not answer is waited for no longer when the worker ends', async () => {
  receiver.status = 0;
  const end = new AbortController();
  const sending = send({}, end.signal);
  end.abort(new Error('the worker ends'));
  await expect(sending).rejects.toThrow('the worker ends');
  await expect(send({}, end.signal)).rejects.toThrow('the worker ends');
});
