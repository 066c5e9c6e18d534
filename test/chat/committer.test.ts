/** Which posts a commit takes, and how they are answered. */
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { Committer, type CommitterOptions, type Posted } from '../../src/chat/committer.ts';
import { draft } from '../../src/chat/entry.ts';
import { roomId } from '../../src/chat/identity.ts';
import { StoreUnavailable } from '../../src/chat/store-unavailable.ts';
import type { Commit, RoomBatch } from '../../src/chat/store-types.ts';

const LOUD = roomId('/', 'loud');
const QUIET = roomId('/', 'quiet');

/** A commit that a test lets end. */
interface Held {
  readonly batches: readonly RoomBatch[];
  readonly end: () => void;
  readonly fail: (error: Error) => void;
}

let held: Held[];
let now: number;
let committer: Committer;

const store = {
  append: (batches: readonly RoomBatch[]): Promise<Commit> =>
    new Promise((resolve, reject) => {
      const rooms = batches.map(({ room, drafts }) => ({
        room,
        batch: undefined,
        results: drafts.map(({ id }) => ({
          ok: true as const,
          epoch: 'e',
          seq: Number(id),
          at: 1,
          duplicate: false,
        })),
      }));
      const end = (): void => resolve({ rooms, durable: Promise.resolve('disk') });
      held.push({ batches, end, fail: reject });
    }),
};

function make(options: Partial<CommitterOptions> = {}): Committer {
  return new Committer(store, {
    maxQueued: 1_000,
    maxQueuedBytes: 1_000_000,
    defer: setImmediate,
    now: () => now,
    onBatch: () => {},
    onFault: (error) => {
      throw error;
    },
    ...options,
  });
}

beforeEach(() => {
  held = [];
  now = 0;
  committer = make({ roomCommit: [3, 3], maxCommit: 5 });
});

function post(room: typeof LOUD, id: number): Promise<Posted> {
  return new Promise((stored, refused) =>
    committer.post(room, draft('ada', String(id), 'text', { text: 'x' }), { stored, refused }),
  );
}

/** What the commit had, as `room:id`. */
function taken(i: number): string[] {
  const names = new Map([
    [LOUD, 'loud'],
    [QUIET, 'quiet'],
  ]);
  return (held[i]?.batches ?? []).flatMap(({ room, drafts }) =>
    drafts.map(({ id }) => `${names.get(room)}:${id}`),
  );
}

test('a commit has so many posts of a room at most, and the others are not kept waiting for the rest', async () => {
  const posts = [1, 2, 3, 4, 5, 6, 7].map((id) => post(LOUD, id));
  await turn();
  expect(taken(0)).toEqual(['loud:1', 'loud:2', 'loud:3']);
  posts.push(post(QUIET, 1));
  held[0]?.end();
  await turn();
  await turn();
  expect(taken(1)).toEqual(['loud:4', 'loud:5', 'loud:6', 'quiet:1']);
  held[1]?.end();
  await turn();
  await turn();
  expect(taken(2)).toEqual(['loud:7']);
  held[2]?.end();
  const seqs = await Promise.all(posts);
  expect(seqs.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 1]);
});

test('over the limit of a commit, rooms take turns', async () => {
  committer = make({ roomCommit: [3, 3], maxCommit: 4 });
  const posts = [1, 2, 3, 4, 5, 6].flatMap((id) => [post(LOUD, id), post(QUIET, id)]);
  await turn();
  expect(taken(0)).toEqual(['loud:1', 'loud:2', 'loud:3', 'quiet:1']);
  held[0]?.end();
  await turn();
  await turn();
  // The first to have had its turn is the first to have the next.
  expect(taken(1)).toEqual(['loud:4', 'loud:5', 'loud:6', 'quiet:2']);
  for (let i = 1; i < 4; i += 1) {
    held[i]?.end();
    await turn();
    await turn();
  }
  await Promise.all(posts);
  expect(held.flatMap((_, i) => taken(i)).filter((one) => one.startsWith('quiet'))).toEqual(
    [1, 2, 3, 4, 5, 6].map((id) => `quiet:${id}`),
  );
});

test('a room that had its turn is behind one that had none', async () => {
  committer = make({ roomCommit: [3, 3], maxCommit: 3 });
  const posts = [1, 2, 3, 4].map((id) => post(LOUD, id));
  await turn();
  posts.push(post(QUIET, 1));
  posts.push(post(LOUD, 5));
  for (let i = 0; i < 3; i += 1) {
    held[i]?.end();
    await turn();
    await turn();
  }
  expect(taken(1)).toEqual(['loud:4', 'loud:5', 'quiet:1']);
  posts.push(...[6, 7, 8, 9].map((id) => post(LOUD, id)), post(QUIET, 2));
  for (let i = 2; i < 6; i += 1) {
    await turn();
    await turn();
    held[i]?.end();
  }
  expect([taken(2), taken(3)]).toEqual([
    ['loud:6', 'loud:7', 'loud:8'],
    ['quiet:2', 'loud:9'],
  ]);
  await Promise.all(posts);
});

test('a room has more in a commit where more waits in the others', async () => {
  committer = make({ roomCommit: [2, 4] });
  const alone = [1, 2, 3, 4, 5].map((id) => post(LOUD, id));
  await turn();
  expect(taken(0)).toEqual(['loud:1', 'loud:2']);
  const both = [6, 7].map((id) => post(LOUD, id)).concat([1, 2, 3, 4, 5].map((id) => post(QUIET, id)));
  held[0]?.end();
  await turn();
  await turn();
  const second = ['loud:3', 'loud:4', 'loud:5', 'loud:6', 'quiet:1', 'quiet:2', 'quiet:3', 'quiet:4'];
  expect(taken(1)).toEqual(second);
  for (let i = 1; i < 4; i += 1) {
    held[i]?.end();
    await turn();
    await turn();
  }
  await Promise.all([...alone, ...both]);
  // What was counted is counted out again: alone it has the least.
  const again = [8, 9, 10, 11].map((id) => post(LOUD, id));
  await turn();
  expect(taken(held.length - 1)).toEqual(['loud:8', 'loud:9']);
  for (let i = 0; i < 2; i += 1) {
    held.at(-1)?.end();
    await turn();
    await turn();
  }
  await Promise.all(again);
});

test('between two commits the event loop has a turn', async () => {
  void post(LOUD, 1);
  await turn();
  void post(LOUD, 2);
  let hadTurn = false;
  held[0]?.end();
  setImmediate(() => {
    hadTurn = held.length === 1;
  });
  await turn();
  await turn();
  expect(hadTurn).toBe(true);
  expect(held).toHaveLength(2);
});

test('what was given up before it was stored is not stored after all; the rest is', async () => {
  const first = post(LOUD, 1);
  await turn();
  const second = post(LOUD, 2);
  now = 2_000;
  const third = post(LOUD, 3);
  now = 3_500;
  committer.expire(now);
  for (const late of [first, second]) await expect(late).rejects.toMatchObject({ code: 'unavailable' });
  held[0]?.end();
  await turn();
  await turn();
  expect(taken(1)).toEqual(['loud:3']);
  held[1]?.end();
  expect((await third).seq).toBe(3);
  await committer.idle();
});

test('a store that fails refuses the posts of that commit, and has the next', async () => {
  const posts = [1, 2, 3, 4].map((id) => post(LOUD, id));
  await turn();
  held[0]?.fail(new StoreUnavailable('away'));
  for (const refused of posts.slice(0, 3))
    await expect(refused).rejects.toMatchObject({ code: 'unavailable' });
  await turn();
  held[1]?.end();
  expect((await posts[3])?.seq).toBe(4);
  expect(committer.pending).toBe(0);
});

test('more than may wait are refused, in number and in bytes', async () => {
  committer = make({ maxQueued: 2 });
  const posts = [post(LOUD, 1), post(LOUD, 2)];
  await expect(post(QUIET, 3)).rejects.toMatchObject({ code: 'busy' });
  await turn();
  held[0]?.end();
  await Promise.all(posts);
  committer = make({ maxQueuedBytes: 60 });
  const one = post(LOUD, 1);
  await expect(post(LOUD, 2)).rejects.toMatchObject({ code: 'busy' });
  await turn();
  held[1]?.end();
  await one;
});
