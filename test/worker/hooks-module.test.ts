/** The application's module of hooks: what is none is said, since silence would allow everything. */
import { expect, test } from 'vitest';
import { hooksOf } from '../../src/worker/hooks-module.ts';

const authorize = () => true;
const onMessage = () => undefined;

test('hooks are exports by their names, or properties of the default export', () => {
  expect(hooksOf({ authorize }, 'file:///h.js').authorize).toBe(authorize);
  expect(hooksOf({ onMessage, other: 1 }, 'file:///h.js').onMessage).toBe(onMessage);
  expect(hooksOf({ default: { authorize, onMessage } }, 'file:///h.js')).toMatchObject({
    authorize,
    onMessage,
  });
});

test.each([
  [{}, 'exports neither authorize nor onMessage'],
  [{ authorise: authorize }, 'exports neither authorize nor onMessage'],
  [{ default: null }, 'exports neither authorize nor onMessage'],
  [{ authorize: true, onMessage }, 'authorize of file:///h.js must be a function; got boolean'],
])('a module without them is refused: %j', (module, words) => {
  expect(() => hooksOf(module, 'file:///h.js')).toThrow(words);
});
