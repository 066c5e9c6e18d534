/** A Lua script, called by its hash; the text goes along only where Redis has not seen it. */
import { createHash } from 'node:crypto';

/** For scripts that need the time: `now()` in ms since 1970, and `int(n)`, a number as text without an exponent. */
export const NOW = `
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function int(n) return string.format('%.0f', n) end
`;

export class Script {
  readonly name: string;
  readonly text: string;
  readonly hash: string;

  constructor(name: string, ...parts: string[]) {
    this.name = name;
    this.text = parts.join('\n');
    this.hash = createHash('sha1').update(this.text).digest('hex');
  }

  byHash(keys: readonly string[], args: readonly string[]): string[] {
    return ['EVALSHA', this.hash, String(keys.length), ...keys, ...args];
  }

  byText(keys: readonly string[], args: readonly string[]): string[] {
    return ['EVAL', this.text, String(keys.length), ...keys, ...args];
  }
}
