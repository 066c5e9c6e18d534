/** The application's module (`hooks` of `startChatServer`), which each worker loads. */
import { ConfigError } from '../config/config.ts';
import type { ChatHooks } from '../edge/chat-hooks.ts';

const NAMES = ['authorize', 'onMessage'] as const;

/** What trying again does not mend (Node's own codes, "Errors"). */
const MISTAKES: ReadonlySet<unknown> = new Set([
  'ERR_MODULE_NOT_FOUND',
  'ERR_UNSUPPORTED_DIR_IMPORT',
  'ERR_UNSUPPORTED_ESM_URL_SCHEME',
  'ERR_UNKNOWN_FILE_EXTENSION',
]);

/**
 * Rejects with `ConfigError` where there is no such module, or nothing of it would be called:
 * silence would allow everything. With what the module itself throws otherwise.
 */
export async function loadHooks(url: string): Promise<ChatHooks> {
  let module: object;
  try {
    module = (await import(url)) as object;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isMistake = error instanceof SyntaxError || ('code' in error && MISTAKES.has(error.code));
    const told = `hooks: ${url} cannot be loaded: ${error.message}`;
    throw isMistake ? new ConfigError([told]) : new Error(told, { cause: error });
  }
  return hooksOf(module, url);
}

/** By their names, or as the properties of the default export. */
export function hooksOf(module: object, url: string): ChatHooks {
  const exported = 'default' in module && typeof module.default === 'object' ? module.default : module;
  const hooks = { ...module, ...exported } as Partial<Record<string, unknown>>;
  for (const name of NAMES)
    if (hooks[name] !== undefined && typeof hooks[name] !== 'function')
      throw new ConfigError([`hooks: ${name} of ${url} must be a function; got ${typeof hooks[name]}`]);
  if (NAMES.every((name) => hooks[name] === undefined))
    throw new ConfigError([`hooks: ${url} exports neither authorize nor onMessage`]);
  return hooks as ChatHooks;
}
