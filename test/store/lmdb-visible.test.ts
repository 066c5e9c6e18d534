/** A commit is handed on when it is visible, and answered when it is flushed (G4). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { draft } from '../../src/chat/entry.ts';
import { roomId } from '../../src/chat/identity.ts';
import { openLmdb, type OpenedLmdb } from './lmdb-opened.ts';

const room = roomId('/', 'r');
let opened: OpenedLmdb;

beforeAll(async () => {
  opened = await openLmdb();
  await opened.store.join(room, 'ann', {
    name: 'Ann',
    create: { kind: 'public', title: 'r', role: 'member' },
    maxRoomsPerUser: 10,
  });
});

afterAll(() => opened.close());

test('G4: commits are visible to another handle before they are on the disk', async () => {
  const other = await opened.second();
  const [before] = await opened.store.heads([room]);
  let early = 0;
  for (let i = 1; i <= 100; i += 1) {
    let isDurable = false;
    const { durable } = await opened.store.append([
      { room, drafts: [draft('ann', `v${i}`, 'text', { text: 'x' })] },
    ]);
    const told = durable.then((durability) => {
      isDurable = true;
      return durability;
    });
    const [head] = await other.heads([room]);
    expect(head?.head).toBe((before?.head ?? 0) + i);
    if (!isDurable) early += 1;
    expect(await told).toBe('disk');
  }
  // Pins the shape that visible-commits.ts relies on. A disk may now and then be as quick.
  expect(early).toBeGreaterThan(10);
});

test('commits go on while earlier ones are being flushed, in their order', async () => {
  const commits = await Promise.all(
    Array.from({ length: 300 }, async (_, i) => {
      const commit = await opened.store.append([
        { room, drafts: [draft('ann', `w${i}`, 'text', { text: String(i) })] },
      ]);
      await commit.durable;
      return commit.rooms[0];
    }),
  );
  const seqs = commits.map((commit) =>
    commit !== undefined && !(commit instanceof Error) && commit.results[0]?.ok === true
      ? commit.results[0].seq
      : 0,
  );
  expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] ?? 0) + i));
});
