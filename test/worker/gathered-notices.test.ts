/** Hints to other workers, gathered into one notice. */
import { expect, test } from 'vitest';
import type { Notice } from '../../src/chat/adapter.ts';
import { roomId, userId } from '../../src/chat/identity.ts';
import { GatheredNotices } from '../../src/worker/gathered-notices.ts';

const [ada, bob, room] = [userId('/', 'ada'), userId('/', 'bob'), roomId('/', 'lobby')];

function scene() {
  const told: Notice[] = [];
  const due: (() => void)[] = [];
  const notices = new GatheredNotices({ notify: (notice) => void told.push(notice) }, (_, task) => {
    due.push(task);
  });
  const pass = (): void => {
    for (const task of due.splice(0)) task();
  };
  return { told, due, notices, pass };
}

test('what comes within a moment is one notice, each thing once', () => {
  const { told, notices, pass } = scene();
  notices.index(ada);
  notices.members(room);
  notices.presence(bob);
  notices.index(ada);
  notices.index(bob);
  expect(told).toEqual([]);
  pass();
  expect(told).toEqual([{ kind: 'changes', index: [ada, bob], presence: [bob], members: [room] }]);
});

test('what comes later is the next', () => {
  const { told, due, notices, pass } = scene();
  notices.members(room);
  pass();
  expect(due).toEqual([]);
  notices.presence(ada);
  pass();
  expect(told).toEqual([
    { kind: 'changes', index: [], presence: [], members: [room] },
    { kind: 'changes', index: [], presence: [ada], members: [] },
  ]);
});

test('however many there are, a notice has its limit', () => {
  const { told, notices, pass } = scene();
  for (let i = 0; i < 10_000; i += 1) notices.index(userId('/', `u${i}`));
  pass();
  const [notice] = told;
  expect(notice?.kind === 'changes' && notice.index.length).toBe(2_000);
});
