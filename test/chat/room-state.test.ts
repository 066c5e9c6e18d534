/** Where a feed starts: below the membership nothing is shown, and what retention took is said. */
import { expect, test } from 'vitest';
import { feedStart, type MemberView } from '../../src/chat/room-state.ts';
import type { Position, RoomKind } from '../../src/protocol/words.ts';

const at = (seq: number, epoch = 'e'): Position => ({ epoch, seq });
const ALL: Position = { epoch: '', seq: 0 };

/** A member since 10 of a room up to 30, of which `first` is the oldest that is left. */
function view(kind: RoomKind, first: number): MemberView {
  return {
    info: { kind, chain: [{ epoch: 'e', base: 0 }], head: 30, first },
    membership: { point: at(10) },
  } as unknown as MemberView;
}

test.each([
  // Asked, where it starts, whether nothing is lost.
  ['private', 1, at(12), 12, true],
  ['private', 1, at(10), 10, true],
  ['private', 1, at(3), 10, true],
  ['private', 1, ALL, 10, true],
  ['private', 21, at(25), 25, true],
  ['private', 21, at(20), 20, true],
  ['private', 21, at(12), 12, false],
  ['private', 21, at(10), 10, false],
  ['direct', 21, at(3), 10, false],
  ['private', 21, ALL, 20, true],
  ['private', 5, at(3), 10, true],
  ['private', 11, at(3), 10, true],
  ['public', 21, at(3), 3, false],
  ['public', 21, ALL, 20, true],
  ['public', 1, at(3), 3, true],
] as const)('%s, from %i on, asked %j', (kind, first, asked, from, isSettled) => {
  expect(feedStart(view(kind, first), asked)).toMatchObject({ from: at(from), isSettled });
});

test('what was void before the membership is nobody’s loss', () => {
  const made = view('private', 21);
  const info = {
    ...made.info,
    chain: [
      { epoch: 'e', base: 0 },
      { epoch: 'f', base: 5 },
    ],
  };
  expect(feedStart({ ...made, info }, at(3))).toMatchObject({ from: at(5, 'f'), isSettled: false });
  expect(feedStart({ ...made, info: { ...info, first: 1 } }, at(3))).toMatchObject({
    from: at(5, 'f'),
    isSettled: true,
  });
});
