/** Which limits a request and a connection are under, whether the store has to be asked or not. */
import { expect, test } from 'vitest';
import { roomId, userId } from '../../src/chat/identity.ts';
import type { Rate } from '../../src/chat/rate.ts';
import type { Limit } from '../../src/chat/shared-limits.ts';
import { EdgeLimits } from '../../src/edge/edge-limits.ts';

const ADA = userId('/', 'ada');
const TEA = roomId('/', 'tea');
const RATE: Rate = { count: 10, perMs: 60_000 };
const KINDS = ['posts', 'roomPosts', 'joins', 'connects', 'addressConnects', 'requests', 'bytes'] as const;
type Kind = (typeof KINDS)[number];

/** Limits of which those in `over` are used up; those in `asked` have to ask the store. */
function scene({ over = [], asked = [] }: { over?: readonly Kind[]; asked?: readonly Kind[] } = {}) {
  const taken: string[] = [];
  const take = (limit: Limit | undefined, id: string, count = 1): number | Promise<number> => {
    const name = limit?.name as Kind;
    taken.push(`${count} ${name} ${id}`);
    const wait = over.includes(name) ? 500 : 0;
    return asked.includes(name) ? Promise.resolve(wait) : wait;
  };
  const takeNow = (limit: Limit | undefined, id: string, count = 1): number => {
    taken.push(`${count} ${limit?.name} ${id}`);
    return over.includes(limit?.name as Kind) ? 500 : 0;
  };
  const giveBack = (limit: Limit | undefined, id: string): void => {
    taken.push(`back ${limit?.name} ${id}`);
  };
  const rates = Object.fromEntries(KINDS.map((kind) => [kind, RATE])) as Record<Kind, Rate>;
  return { limits: new EdgeLimits({ take, takeNow, giveBack }, rates), taken };
}

/** Rejects also where it is refused at once. */
async function post({ limits }: { readonly limits: EdgeLimits }): Promise<void> {
  await limits.post(ADA, TEA);
}

const refused = (flag: string) => ({
  code: 'rate_limited',
  retryAfterMs: 500,
  message: expect.stringContaining(`(--${flag})`),
});

test.each([
  { asked: [] },
  { asked: ['posts'] },
  { asked: ['roomPosts'] },
  { asked: ['posts', 'roomPosts'] },
] as const)(
  'a post is taken from the user and from the room, also where the store is asked: $asked',
  async ({ asked }) => {
    const here = scene({ asked });
    await post(here);
    expect(here.taken).toEqual([`1 posts ${ADA}`, `1 roomPosts ${TEA}`]);
    for (const [over, flag] of [
      ['posts', 'rate-posts'],
      ['roomPosts', 'rate-room-posts'],
    ] as const)
      await expect(post(scene({ asked, over: [over] }))).rejects.toMatchObject(refused(flag));
  },
);

test('a post over the user’s limit takes nothing of the room’s', async () => {
  for (const asked of [[], ['posts']] as const) {
    const here = scene({ asked, over: ['posts'] });
    await expect(post(here)).rejects.toMatchObject(refused('rate-posts'));
    expect(here.taken).toEqual([`1 posts ${ADA}`]);
  }
});

test('where nothing has to be asked nobody waits', () => {
  const { limits } = scene();
  expect([limits.post(ADA, TEA), limits.join(ADA)]).toEqual([undefined, undefined]);
});

test('a connection is taken from its address and from its user', async () => {
  const { limits, taken } = scene();
  await limits.address('203.0.113.7');
  await limits.connect(ADA);
  expect(taken).toEqual(['1 addressConnects 203.0.113.7', `1 connects ${ADA}`]);
  const over = scene({
    over: ['addressConnects', 'connects'],
    asked: ['addressConnects', 'connects'],
  }).limits;
  await expect(over.address('203.0.113.7')).rejects.toMatchObject(refused('rate-address-connects'));
  await expect(over.connect(ADA)).rejects.toMatchObject(refused('rate-connects'));
});

test('a request counts as one and as its bytes, and does not wait for the store', () => {
  const { limits, taken } = scene();
  limits.request(ADA);
  limits.bytes(ADA, () => 321);
  expect(taken).toEqual([`1 requests ${ADA}`, `321 bytes ${ADA}`]);
  expect(() => scene({ over: ['requests'] }).limits.request(ADA)).toThrow('--rate-requests');
  expect(() => scene({ over: ['bytes'] }).limits.bytes(ADA, () => 1)).toThrow('--rate-bytes');
});

test('without a limit on bytes they are not counted', () => {
  const none = { posts: undefined, roomPosts: undefined, joins: undefined, connects: undefined };
  const limits = new EdgeLimits(
    { take: () => 0, takeNow: () => 0, giveBack: () => {} },
    { ...none, addressConnects: undefined, requests: undefined, bytes: undefined },
  );
  limits.bytes(ADA, () => {
    throw new Error('counted');
  });
});

test('a new device of somebody with many rooms is taken from their joins, at most all of them', async () => {
  const { limits, taken } = scene();
  await limits.device(ADA, 99);
  expect(taken).toEqual([]);
  await limits.device(ADA, 2_000);
  expect(taken).toEqual([`10 joins ${ADA}`]);
  await expect((async () => scene({ over: ['joins'] }).limits.device(ADA, 2_000))()).rejects.toMatchObject(
    refused('rate-joins'),
  );
});

test('who is no member takes nothing of the room, and a member’s part comes back to the room alone', () => {
  const here = scene();
  expect(here.limits.post(ADA, undefined)).toBeUndefined();
  here.limits.giveBackPost(TEA);
  expect(here.taken).toEqual([`1 posts ${ADA}`, `back roomPosts ${TEA}`]);
});
