/** What a client is told of an object that does not fit: field, limit and what came. */
import { expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.ts';
import { authSchema, checkShape, parse, requestSchemas } from '../../src/protocol/requests.ts';

const schemas = requestSchemas(DEFAULT_LIMITS);

test.each([
  [{ room: 'tea', id: '1' }, 'text is required; got nothing'],
  [{ room: 'tea', id: '1', text: 7 }, 'text must be a string; got 7'],
  [{ room: 'tea', id: '', text: '' }, 'id must be 1–64 printable ASCII characters; got ""'],
  [{ room: 'tea', id: '1', text: '', replyTo: 0.5 }, /^replyTo must be a whole number from 1 .*; got 0.5$/],
  ['tea', 'the object must be an object with the fields of this request; got "tea"'],
  [[], 'the object must be an object; got a list'],
  [undefined, 'the object must be an object with the fields of this request; got nothing'],
] as const)('message:post %j', (input, message) => {
  expect(told(input)).toMatchObject({
    code: 'bad_request',
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  });
});

function told(input: unknown): unknown {
  try {
    return parse(schemas['message:post'], input);
  } catch (error) {
    return error;
  }
}

test('unknown fields are not passed on', () => {
  expect(parse(schemas['room:leave'], { room: 'tea', admin: true })).toEqual({ room: 'tea' });
});

test('positions may be of rooms whose names objects have of themselves', () => {
  const names = ['constructor', 'prototype', '__proto__', 'toString', 'tea'];
  const given = `{${names.map((name, i) => `"${name}":{"epoch":"e","seq":${i + 1}}`).join()}}`;
  const { positions } = parse(schemas.delivered, { positions: JSON.parse(given) });
  expect([...positions]).toEqual(names.map((name, i) => [name, { epoch: 'e', seq: i + 1 }]));
});

test.each([
  [[], 'positions must be { [room]: { epoch, seq } }; got an array'],
  [{ tea: 7 }, 'positions.tea must be { epoch, seq }; got 7'],
  [{ tea: { seq: 7 } }, 'positions.tea must name its epoch unless seq is 0'],
  [{ tea: { epoch: 'e', seq: -1 } }, /^positions.tea.seq must be a whole number from 0 .*; got -1$/],
  [{ tea: { epoch: 'e' } }, 'positions.tea.seq must be { epoch, seq }; got nothing'],
])('positions %j', (positions, message) => {
  expect(() => parse(schemas.delivered, { positions })).toThrow(message);
});

test('a token that is null is none', () => {
  expect(parse(authSchema, { token: null, user: 'ada' })).toEqual({ token: null, user: 'ada' });
});

test('depth and attachments are refused by name', () => {
  const deep: Record<string, unknown> = {};
  let at = deep;
  for (let i = 0; i < 20; i += 1) at = at['next'] = {} as Record<string, unknown>;
  expect(() => checkShape(deep, 16)).toThrow('the object must be at most 16 deep (maxDepth)');
  expect(() => checkShape({ data: Buffer.from('x') }, 16)).toThrow('binary data is not taken');
});

test.each([
  ['message:edit', { room: 'tea', id: '1', seq: 1, text: 'x' }],
  ['message:delete', { room: 'tea', id: '1', seq: 1 }],
  ['message:react', { room: 'tea', id: '1', seq: 1, emoji: 'x', on: true }],
  ['history', { room: 'tea' }],
  ['read', { room: 'tea', seq: 1 }],
] as const)('%s names an epoch or leaves it out', (name, object) => {
  expect(parse(schemas[name], { ...object, epoch: 'e' })).toMatchObject({ epoch: 'e' });
  expect(parse(schemas[name], object)).not.toHaveProperty('epoch');
  expect(() => parse(schemas[name], { ...object, epoch: '' })).toThrow(
    'epoch must be an epoch, or left out; got ""',
  );
});
