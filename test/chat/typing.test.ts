/** Typing: at most one event a second of each user in a room, and an end by itself. */
import { expect, test } from 'vitest';
import { roomId } from '../../src/chat/identity.ts';
import { Typing, TYPING_MS } from '../../src/chat/typing.ts';

function scene(maxTyping = 10) {
  const told: string[] = [];
  const typing = new Typing({
    maxTyping,
    tell: (_, { room, user, on }) => told.push(`${room} ${user} ${on ? 'on' : 'off'}`),
  });
  return { told, typing, room: roomId('/', 'r') };
}

test('it is told at once, and its end too when that is a second later', () => {
  const { told, typing, room } = scene();
  typing.heard(room, 'ada', true, 0);
  expect(told).toEqual(['r ada on']);
  typing.heard(room, 'ada', false, 1_000);
  expect(told).toEqual(['r ada on', 'r ada off']);
  typing.tick(2_000);
  expect(typing.size).toBe(0);
});

test('whoever flickers is told of once a second, in the end as it is', () => {
  const { told, typing, room } = scene();
  for (let now = 0; now < 1_000; now += 50) typing.heard(room, 'ada', now % 100 === 0, now);
  typing.tick(999);
  expect(told).toEqual(['r ada on']);
  typing.tick(1_000);
  expect(told).toEqual(['r ada on', 'r ada off']);
});

test('what is repeated is told once', () => {
  const { told, typing, room } = scene();
  for (let now = 0; now < 20_000; now += 1_500) {
    typing.heard(room, 'ada', true, now);
    typing.tick(now);
  }
  expect(told).toEqual(['r ada on']);
});

test('who is not heard of any more has stopped', () => {
  const { told, typing, room } = scene();
  typing.heard(room, 'ada', true, 0);
  typing.tick(TYPING_MS - 1);
  expect(told).toEqual(['r ada on']);
  typing.tick(TYPING_MS);
  expect(told).toEqual(['r ada on', 'r ada off']);
  typing.tick(TYPING_MS + 1_000);
  expect(typing.size).toBe(0);
});

test('users and rooms stand for themselves, and there are only so many', () => {
  const { told, typing, room } = scene(2);
  typing.heard(room, 'ada', true, 0);
  typing.heard(room, 'bob', true, 0);
  typing.heard(roomId('/', 's'), 'ada', true, 0);
  expect(told).toEqual(['r ada on', 'r bob on']);
  expect(typing.size).toBe(2);
});

test('an end of what never began is nothing', () => {
  const { told, typing, room } = scene();
  typing.heard(room, 'ada', false, 0);
  typing.tick(5_000);
  expect(told).toEqual([]);
});

test('what was heard a moment ago is no news for other workers', () => {
  const { typing, room } = scene();
  expect(typing.heard(room, 'ada', true, 0)).toBe(true);
  expect(typing.heard(room, 'ada', true, 500)).toBe(false);
  expect(typing.heard(room, 'ada', true, 1_000)).toBe(true);
  expect(typing.heard(room, 'ada', false, 1_100)).toBe(true);
  expect(typing.heard(room, 'bob', false, 1_100)).toBe(false);
});
