/**
 * A disk that takes no more: every worker's data file may not grow (`RLIMIT_FSIZE`), so that a
 * commit fails in the middle of its writes, as it does with ENOSPC. Needs prlimit (util-linux).
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ChatClient, RefusedError } from '../support/client.ts';
import { startServer, type RunningServer } from '../support/server.ts';

const TEXT = 'x'.repeat(4_000);

function limitGrowth(server: RunningServer, bytes: number | 'unlimited'): void {
  for (const pid of server.workers())
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
}

async function readiness(server: RunningServer): Promise<string> {
  const answer = await fetch(`${server.url}/readyz`);
  return `${answer.status} ${await answer.text()}`;
}

async function becomes(server: RunningServer, pattern: RegExp): Promise<void> {
  const end = performance.now() + 5_000;
  for (let seen = ''; !pattern.test(seen); await pause(50)) {
    seen = await readiness(server);
    if (performance.now() > end) throw new Error(`/readyz says within 5 s nothing but ${seen}`);
  }
}

test('G11: a full disk refuses posts by name and keeps the rest; with room again all goes on', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'chat-full-'));
  try {
    await using server = await startServer({ workers: 2, dataDir });
    const room = 'full';
    const ada = await ChatClient.connect(server.url, { user: 'ada' });
    const bob = await ChatClient.connect(server.url, { user: 'bob' });
    for (const client of [ada, bob]) await client.join(room);

    limitGrowth(server, statSync(join(dataDir, 'chat.mdb')).size + 1_000_000);
    const acknowledged: number[] = [];
    let refused: RefusedError | undefined;
    // Free pages are taken first; the limit is far below this many.
    for (let i = 0; i < 500 && refused === undefined; i += 1) {
      try {
        acknowledged.push((await ada.post(room, `${i} ${TEXT}`, `id-${i}`)).seq);
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        refused = error;
      }
    }
    expect(refused?.body).toMatchObject({ code: 'unavailable', retry: true });
    await becomes(server, /^503 .*store: /);
    const page = await bob.ask<{ messages: unknown[] }>('history', { room, limit: 5 });
    expect(page.messages).toHaveLength(5);

    limitGrowth(server, 'unlimited');
    const again = await ada.postSurely(room, `${acknowledged.length} ${TEXT}`, `id-${acknowledged.length}`);
    expect(again.duplicate).toBe(false);
    await becomes(server, /^200 /);
    await bob.reach(room, again.seq);
    expect(bob.texts(room)).toEqual([...acknowledged, 0].map((_, i) => `${i} ${TEXT}`));
    for (const client of [ada, bob]) {
      expect(client.welcomes).toBe(1);
      expect(client.follower.faults).toEqual([]);
      client.close();
    }

    // What was acknowledged is in the file, and the file is whole.
    expect(await server.stop()).toBe(0);
    await using successor = await startServer({ workers: 2, dataDir });
    const late = await ChatClient.connect(successor.url, { user: 'late' });
    await late.join(room, { epoch: again.epoch, seq: 0 });
    await late.reach(room, again.seq);
    expect(late.texts(room)).toEqual(bob.texts(room));
    late.close();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
