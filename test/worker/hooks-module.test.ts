/** The application's module of hooks: what is none is said, since silence would allow everything. */
import { expect, test } from 'vitest';
import { ConfigError } from '../../src/config/config.ts';
import { hooksOf, loadHooks } from '../../src/worker/hooks-module.ts';

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

const moduleOf = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;

test.each([
  ['file:///nowhere/hooks.js', 'cannot be loaded'],
  [moduleOf('export const onMessage ='), 'cannot be loaded: Unexpected'],
  ['ftp://host/hooks.js', 'cannot be loaded'],
  [moduleOf('export const on = 1'), 'exports neither authorize nor onMessage'],
])('a module that cannot be one is a mistake of the configuration: %s', async (url, words) => {
  const failure: unknown = await loadHooks(url).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ConfigError);
  expect((failure as ConfigError).message).toContain(words);
});

test('what the module itself throws may be over the next time', async () => {
  const failure: unknown = await loadHooks(moduleOf("throw new Error('no database')")).catch(
    (error: unknown) => error,
  );
  expect(failure).not.toBeInstanceOf(ConfigError);
  expect((failure as Error).message).toContain('cannot be loaded: no database');
});
