/** When a worker sends: at once while there is little, in fuller turns while there is much. */
import { beforeEach, expect, test } from 'vitest';
import { SendTurns } from '../../src/chat/send-turns.ts';

let clock = 0;
let deferred: (() => void)[] = [];
let timers: { readonly ms: number; readonly task: () => void }[] = [];
let sent: string[] = [];
let faults: unknown[] = [];
let turns: SendTurns;

beforeEach(() => {
  clock = 0;
  deferred = [];
  timers = [];
  sent = [];
  faults = [];
  turns = new SendTurns({
    defer: (task) => deferred.push(task),
    after: (ms, task) => timers.push({ ms, task }),
    now: () => clock,
    onFault: (error) => faults.push(error),
    maxPauseMs: 20,
  });
});

const send =
  (what: string, tookMs = 0) =>
  () => {
    sent.push(what);
    clock += tookMs;
  };

function turnOfLoop(): void {
  for (const task of deferred.splice(0)) task();
}

test('what is asked for in one turn of the event loop is sent in it, flushes last', () => {
  turns.addLast(send('flush'));
  turns.add(send('one'));
  turns.add(send('two'));
  expect(deferred).toHaveLength(1);
  turnOfLoop();
  expect(sent).toEqual(['one', 'two', 'flush']);
  turns.add(send('three'));
  turnOfLoop();
  expect(sent.at(-1)).toBe('three');
  expect(timers).toEqual([]);
});

test('what a task asks for at the end of the turn is part of it, what it adds is the next', () => {
  turns.add(() => {
    turns.addLast(send('flush'));
    turns.add(send('next'));
  });
  turnOfLoop();
  expect(sent).toEqual(['flush']);
  turnOfLoop();
  expect(sent).toEqual(['flush', 'next']);
});

test('a turn that took long is followed by a pause as long, and a fuller turn', () => {
  turns.add(send('one', 7.5));
  turnOfLoop();
  turns.add(send('two'));
  turns.add(send('three'));
  turnOfLoop();
  expect(sent).toEqual(['one']);
  expect(timers.map(({ ms }) => ms)).toEqual([7]);
  timers[0]?.task();
  expect(sent).toEqual(['one', 'two', 'three']);
  turns.add(send('four'));
  turnOfLoop();
  expect(sent.at(-1)).toBe('four');
});

test('a pause has an end, and one in which nothing came leaves the next turn at once', () => {
  turns.add(send('one', 300));
  turnOfLoop();
  expect(timers.map(({ ms }) => ms)).toEqual([20]);
  timers[0]?.task();
  turns.add(send('two'));
  turnOfLoop();
  expect(sent).toEqual(['one', 'two']);
});

test('a task that throws takes no other with it', () => {
  const error = new Error('planned');
  turns.add(() => {
    throw error;
  });
  turns.add(send('two'));
  turnOfLoop();
  expect(sent).toEqual(['two']);
  expect(faults).toEqual([error]);
});
