/** The application's module (`hooks` of `startChatServer`), which each worker loads. */
import { ConfigError } from '../config/config.ts';
import type { ChatHooks } from '../edge/chat-hooks.ts';

const NAMES = ['authorize', 'onMessage'] as const;

/** Rejects with `ConfigError` where nothing of it would be called: silence would allow everything. */
export async function loadHooks(url: string): Promise<ChatHooks> {
  return hooksOf((await import(url)) as object, url);
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
