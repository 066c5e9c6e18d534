/** The library as a project has it: packed, unpacked into that project's node_modules, with what it depends on. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Project extends Disposable {
  readonly dir: string;
}

/** `others`: packages that the project itself depends on. Build first. */
export function makeProject(others: readonly string[]): Project {
  const dir = mkdtempSync(join(tmpdir(), 'chat-consumer-'));
  const modules = join(dir, 'node_modules');
  mkdirSync(modules);
  execFileSync('npm', ['pack', '--silent', '--pack-destination', dir], { cwd: ROOT });
  const packed = readdirSync(dir).find((name) => name.endsWith('.tgz')) ?? '';
  execFileSync('tar', ['xzf', packed], { cwd: dir });
  execFileSync('mv', ['package', 'node_modules/chat-server'], { cwd: dir });
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of [...Object.keys(dependencies), ...others, '@types/node', 'undici-types', 'typescript']) {
    const at = join(modules, name);
    if (existsSync(at)) continue;
    mkdirSync(dirname(at), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), at);
  }
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}
