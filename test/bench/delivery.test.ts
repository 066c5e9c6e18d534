import { expect, test } from 'vitest';
import { type Delivery, FrameMemo, postId, postText } from '../../src/bench/delivery.ts';

function frame(messages: readonly object[]): Buffer {
  return Buffer.from(`42["messages",${JSON.stringify({ room: 'r', messages })}]`);
}

function message(seq: number, dueMicros = 1_000): object {
  return { seq, id: postId(3, seq), text: postText(dueMicros, 40) };
}

function read(memo: FrameMemo, bytes: Buffer): Delivery {
  return memo.read(bytes, 0, bytes.length, () => {});
}

test('a post says who sent it, its number, and when it was due', () => {
  const [post] = read(new FrameMemo(), frame([message(5, 123_456_789)])).posts;
  expect(post).toEqual({ seq: 5, sender: 3, number: 5, dueMicros: 123_456_789 });
});

test('a text has the length asked for', () => {
  expect(postText(1_234_567.8, 40)).toHaveLength(40);
});

test('a copy of a frame is recognised, wherever it lies', () => {
  const memo = new FrameMemo();
  const bytes = frame([message(1), message(2)]);
  const first = read(memo, bytes);
  const shifted = Buffer.concat([Buffer.from('xxx'), bytes, Buffer.from('yyy')]);
  expect(memo.read(shifted, 3, 3 + bytes.length, () => {})).toBe(first);
  expect(memo.parsed).toBe(1);
});

test('frames that begin alike and end differently are told apart', () => {
  const memo = new FrameMemo();
  const begin = [message(1), message(2), message(3)];
  const one = read(memo, frame([...begin, message(4)]));
  const other = read(memo, frame([...begin, message(5)]));
  expect(one.posts.at(-1)?.seq).toBe(4);
  expect(other.posts.at(-1)?.seq).toBe(5);
  expect(other.isDense).toBe(false);
});

test('messages that were due together share a latency, others do not', () => {
  const { groups } = read(new FrameMemo(), frame([message(1, 1_000), message(2, 1_010), message(3, 9_000)]));
  expect(groups.map(({ count }) => count)).toEqual([2, 1]);
});

test('what is remembered has a limit, and what was forgotten is read again', () => {
  const memo = new FrameMemo({ maxBytes: 300 });
  for (let seq = 1; seq <= 10; seq += 1) read(memo, frame([message(seq)]));
  read(memo, frame([message(1)]));
  expect(memo.parsed).toBe(11);
});
