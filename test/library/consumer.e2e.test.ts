/** A project outside of this repository compiles against the packed library in strict mode, and runs. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { makeProject } from './packed.ts';

const CONSUMER = fileURLToPath(new URL('./consumer/', import.meta.url));

test('a consumer compiles in strict mode and runs', () => {
  using project = makeProject(['socket.io-client']);
  const { dir } = project;
  for (const file of ['consumer.mts', 'hooks.mjs']) copyFileSync(join(CONSUMER, file), join(dir, file));
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: 'consumer', type: 'module' }));
  writeFileSync(
    join(dir, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        target: 'es2022',
        module: 'nodenext',
        lib: ['es2023', 'esnext.disposable', 'dom'],
        types: ['node'],
        skipLibCheck: false,
      },
      files: ['consumer.mts'],
    }),
  );
  execFileSync(process.execPath, [join(dir, 'node_modules/typescript/bin/tsc'), '-p', dir], {
    stdio: 'pipe',
  });
  const hooks = pathToFileURL(join(dir, 'hooks.mjs')).href;
  const out = execFileSync(process.execPath, [join(dir, 'consumer.mjs'), join(dir, 'data'), hooks], {
    cwd: dir,
    encoding: 'utf8',
    timeout: 60_000,
  });
  const stored = (text: string, seq: number) => ({ reply: { ok: true, seq }, stored: text });
  expect(JSON.parse(out.trim().split('\n').at(-1) ?? '')).toMatchObject([
    2,
    expect.stringMatching(/^hooks must be a URL, .*got "\.\/hooks\.mjs"$/),
    expect.stringContaining('nowhere.mjs cannot be loaded: Cannot find module'),
    expect.stringContaining('exports neither authorize nor onMessage'),
    stored('hello!', 1),
    { reply: { ok: false, error: { code: 'forbidden', message: 'no spam, please' } }, stored: 'hello!' },
    true,
    stored('again!', 2),
    stored('HELLO', 1),
    'mine',
    200,
    { code: 'forbidden', message: 'ada alone' },
  ]);
}, 120_000);
