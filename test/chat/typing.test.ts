/** Typing: at most one event a second of each user in a room, and an end by itself. */
import { expect, test } from 'vitest';
import { roomId } from '../../src/chat/identity.ts';
import { Typing, TYPING_MS } from '../../src/chat/typing.ts';

function scene(maxTyping = 10) {
  const told: string[] = [];
  const passed: boolean[] = [];
  const typing = new Typing({
    maxTyping,
    pass: (_room, _user, on) => passed.push(on),
    tell: (_, { room, user, on }) => told.push(`${room} ${user} ${on ? 'on' : 'off'}`),
  });
  return { told, passed, typing, room: roomId('/', 'r') };
}

test('it is told at once, and its end too when that is a second later', () => {
  const { told, typing, room } = scene();
  typing.heard(room, 'ada', true, 0, true);
  expect(told).toEqual(['r ada on']);
  typing.heard(room, 'ada', false, 1_000, true);
  expect(told).toEqual(['r ada on', 'r ada off']);
  typing.tick(2_000);
  expect(typing.size).toBe(0);
});

test('whoever flickers is told of once a second, in the end as it is', () => {
  const { told, typing, room } = scene();
  for (let now = 0; now < 1_000; now += 50) typing.heard(room, 'ada', now % 100 === 0, now, true);
  typing.tick(999);
  expect(told).toEqual(['r ada on']);
  typing.tick(1_000);
  expect(told).toEqual(['r ada on', 'r ada off']);
});

test('what is repeated is told once', () => {
  const { told, typing, room } = scene();
  for (let now = 0; now < 20_000; now += 1_500) {
    typing.heard(room, 'ada', true, now, true);
    typing.tick(now);
  }
  expect(told).toEqual(['r ada on']);
});

test('who is not heard of any more has stopped', () => {
  const { told, typing, room } = scene();
  typing.heard(room, 'ada', true, 0, true);
  typing.tick(TYPING_MS - 1);
  expect(told).toEqual(['r ada on']);
  typing.tick(TYPING_MS);
  expect(told).toEqual(['r ada on', 'r ada off']);
  typing.tick(TYPING_MS + 1_000);
  expect(typing.size).toBe(0);
});

test('users and rooms stand for themselves, and there are only so many', () => {
  const { told, typing, room } = scene(2);
  typing.heard(room, 'ada', true, 0, true);
  typing.heard(room, 'bob', true, 0, true);
  typing.heard(roomId('/', 's'), 'ada', true, 0, true);
  expect(told).toEqual(['r ada on', 'r bob on']);
  expect(typing.size).toBe(2);
});

test('an end of what never began is nothing', () => {
  const { told, typing, room } = scene();
  typing.heard(room, 'ada', false, 0, true);
  typing.tick(5_000);
  expect(told).toEqual([]);
});

test('other workers hear of it once a second, in the end as it is', () => {
  const { typing, passed, room } = scene();
  typing.heard(room, 'ada', true, 0, true);
  expect(passed).toEqual([true]);
  for (let now = 10; now < 1_000; now += 10) {
    typing.heard(room, 'ada', now % 20 === 0, now, true);
    typing.tick(now);
  }
  expect(passed).toEqual([true]);
  typing.tick(1_000);
  expect(passed).toEqual([true, false]);
  typing.tick(3_000);
  expect(passed).toEqual([true, false]);
  expect(typing.size).toBe(0);
});

test('who goes on typing is passed on again, what another worker passed on is not', () => {
  const { typing, passed, room } = scene();
  for (const now of [0, 500, 1_000, 1_500, 2_000]) typing.heard(room, 'ada', true, now, true);
  expect(passed).toEqual([true, true, true]);
  typing.heard(room, 'bob', true, 0, false);
  typing.heard(room, 'bob', false, 2_000, false);
  typing.tick(9_000);
  expect(passed).toEqual([true, true, true]);
});

test('whoever says that they type everywhere leaves the others their place', () => {
  const { told, typing } = scene(30);
  for (let i = 0; i < 100; i += 1) typing.heard(roomId('/', `r${i}`), 'eve', true, 0, true);
  expect(typing.size).toBe(10);
  typing.heard(roomId('/', 'r50'), 'ada', true, 0, true);
  typing.heard(roomId('/acme', 'r50'), 'eve', true, 0, true);
  expect(told.slice(10)).toEqual(['r50 ada on', 'r50 eve on']);
  for (let now = 0; now < 10_000; now += 500) typing.tick(now);
  expect(typing.size).toBe(0);
  typing.heard(roomId('/', 'r99'), 'eve', true, 10_000, true);
  expect(told.at(-1)).toBe('r99 eve on');
});
