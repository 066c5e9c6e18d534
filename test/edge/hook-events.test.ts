/** Events beside the logs: best effort, which is a few tries and an end to what waits. */
import { expect, test } from 'vitest';
import { HookEvents, type HookEvent } from '../../src/edge/hooks/hook-events.ts';

const ONLINE: HookEvent = { type: 'user.online', namespace: '/', user: 'ada' };

/** A receiver that refuses as often as `refusals` says. */
function scene(refusals: number) {
  const sent: string[] = [];
  const waits: number[] = [];
  const dropped: unknown[] = [];
  let ids = 0;
  const events = new HookEvents({
    async send(id) {
      sent.push(id);
      if (sent.length <= refusals) throw new Error('not now');
    },
    async wait(ms) {
      waits.push(ms);
    },
    makeId: () => `id-${(ids += 1)}`,
    onDrop: (error) => dropped.push(error),
  });
  return { events, sent, waits, dropped };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('an event that fails is sent again under its id, later each time', async () => {
  const { events, sent, waits, dropped } = scene(2);
  events.tell(ONLINE);
  await turn();
  expect(sent).toEqual(['id-1', 'id-1', 'id-1']);
  expect(waits).toEqual([1_000, 2_000]);
  expect(dropped).toEqual([]);
});

test('after three tries it is dropped, and the next one goes on', async () => {
  const { events, sent, dropped } = scene(3);
  events.tell(ONLINE);
  await turn();
  expect(sent).toHaveLength(3);
  expect(dropped).toEqual([new Error('not now')]);
  events.tell({ ...ONLINE, type: 'user.offline' });
  await turn();
  expect(sent.slice(3)).toEqual(['id-2']);
  expect(dropped).toHaveLength(1);
});

test('four are sent at once, a thousand wait, and one more is dropped', async () => {
  const dropped: unknown[] = [];
  const sent: HookEvent[] = [];
  let release: (() => void) | undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const events = new HookEvents({
    async send(_id, event) {
      sent.push(event as HookEvent);
      await held;
    },
    wait: async () => {},
    makeId: () => 'id',
    onDrop: (error) => dropped.push(error),
  });
  for (let i = 0; i < 1_004; i += 1) events.tell({ ...ONLINE, user: `u${i}` });
  await turn();
  expect([sent.length, dropped.length]).toEqual([4, 0]);
  events.tell(ONLINE);
  expect(dropped).toHaveLength(1);
  release?.();
  await turn();
  expect(sent.map(({ user }) => user)).toEqual(Array.from({ length: 1_004 }, (_, i) => `u${i}`));
});
