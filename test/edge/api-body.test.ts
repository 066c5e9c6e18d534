/** What is taken for the body of a request of the API. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readJson } from '../../src/edge/api/body.ts';

function request(text: string, headers: object, more: object = {}): IncomingMessage {
  const stream = Readable.from(text === '' ? [] : [Buffer.from(text)]);
  return Object.assign(stream, { headers }, more) as unknown as IncomingMessage;
}
const JSON_TYPE = { 'content-type': 'application/json' };

test('JSON is read; without a body it is an empty object', async () => {
  expect(await readJson(request('{"a":1}', { ...JSON_TYPE, 'content-length': '7' }), 100)).toEqual({ a: 1 });
  expect(await readJson(request('', {}), 100)).toEqual({});
});

test('what a body parser of the application left is taken', async () => {
  const parsed = request('', { ...JSON_TYPE, 'content-length': '19' }, { body: { banned: true } });
  expect(await readJson(parsed, 100)).toEqual({ banned: true });
});

test.each([{ 'content-length': '19' }, { 'transfer-encoding': 'chunked' }])(
  'a body that somebody read and left nothing of is no empty one (%o)',
  async (headers) => {
    await expect(readJson(request('', { ...JSON_TYPE, ...headers }), 100)).rejects.toMatchObject({
      body: { code: 'bad_request' },
    });
  },
);
