/**
 * A client that a public generator makes of the OpenAPI document, in a project of its own with the
 * packages that it needs (so this needs the npm registry): compiled in strict mode, and run.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fresh } from '../support/client.ts';

const PACKAGES = ['@hey-api/openapi-ts@0.80.2', 'typescript@5.9.3'];

const MAIN = `
import { client } from './client/client.gen';
import { getMembers, listRooms, postMessage, putMember, putRoom } from './client/sdk.gen';

declare const process: { readonly argv: readonly string[] };

async function main(): Promise<void> {
const [url, key, room = ''] = process.argv.slice(2);
client.setConfig({ baseUrl: \`\${url}/api/v1\`, auth: () => key ?? '', throwOnError: true });
const path = { room };
await putRoom({ path, body: { kind: 'public', title: 'made by a generated client' } });
await putMember({ path: { room, user: 'ada' }, body: {} });
const posted = await postMessage({ path, body: { from: 'ada', text: 'hello' } });
const rooms = await listRooms({ query: { limit: 50 } });
await putMember({ path: { room, user: 'ada' }, body: { banned: true } });
const members = await getMembers({ path });
console.log(JSON.stringify({
  posted: posted.data?.seq,
  listed: rooms.data?.rooms.some((one: { room: string }) => one.room === room),
  banned: members.data?.members.length === 0,
}));
}
void main();
`;

export async function runGeneratedClient(document: object, url: string, key: string): Promise<unknown> {
  const dir = mkdtempSync(join(tmpdir(), 'chat-generated-'));
  const run = (command: string, args: readonly string[]): string =>
    execFileSync(command, args, { cwd: dir, encoding: 'utf8', stdio: 'pipe', timeout: 300_000 });
  try {
    writeFileSync(join(dir, 'openapi.json'), JSON.stringify(document));
    writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: 'generated', private: true }));
    run('npm', ['install', '--no-audit', '--no-fund', ...PACKAGES]);
    run('npx', ['openapi-ts', '-i', 'openapi.json', '-o', 'client', '-c', '@hey-api/client-fetch']);
    writeFileSync(join(dir, 'main.ts'), MAIN);
    run('npx', [
      'tsc',
      '--strict',
      '--target',
      'es2022',
      '--module',
      'commonjs',
      '--moduleResolution',
      'node10',
      '--skipLibCheck',
      '--lib',
      'es2023,dom,dom.iterable',
      '--outDir',
      'out',
      'main.ts',
    ]);
    const out = run(process.execPath, ['out/main.js', url, key, fresh('room')]);
    return JSON.parse(out.trim().split('\n').at(-1) ?? '');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
