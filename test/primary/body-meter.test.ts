import { expect, test } from 'vitest';
import { BodyMeter } from '../../src/primary/body-meter.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Feeds the text in pieces of this size and gives what was taken of it. */
function takeInPieces(meter: BodyMeter, text: string, size: number): string {
  let taken = '';
  for (let at = 0; at < text.length; at += size) {
    const piece = text.slice(at, at + size);
    taken += piece.slice(0, meter.take(bytes(piece)));
  }
  return taken;
}

test('takes as many bytes as the length says, and no more', () => {
  const meter = new BodyMeter({ kind: 'length', bytes: 5 }, 100);
  expect(meter.take(bytes('abc'))).toBe(3);
  expect(meter.isComplete).toBe(false);
  expect(meter.take(bytes('deGET /'))).toBe(2);
  expect(meter.isComplete).toBe(true);
});

test.each([1, 2, 3, 7, 100])('finds the end of a chunked body in pieces of %i bytes', (size) => {
  const body = '5;ext="x"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n';
  const meter = new BodyMeter({ kind: 'chunked' }, 1_000);
  expect(takeInPieces(meter, `${body}GET /next HTTP/1.1\r\n\r\n`, size)).toBe(body);
  expect(meter.isComplete).toBe(true);
});

test.each([
  ['no size', '\r\n'],
  ['a signed size', '+5\r\nhello\r\n'],
  ['a blank in the size', '5 \r\nhello\r\n'],
  ['a bare line feed', '5\nhello\r\n'],
  ['more data than the size', '3\r\nhello\r\n'],
  ['a line feed in an extension', '5;a\nb\r\nhello\r\n'],
  ['a line feed in a trailer', '0\r\na\n\r\n\r\n'],
])('refuses a chunked body with %s', (_what, body) => {
  expect(() => new BodyMeter({ kind: 'chunked' }, 1_000).take(bytes(body))).toThrow('malformed chunk');
});

test('refuses what is longer than the limit, announced or not', () => {
  expect(() => new BodyMeter({ kind: 'length', bytes: 11 }, 10)).toThrow('limit is 10');
  expect(() => new BodyMeter({ kind: 'chunked' }, 10).take(bytes('8\r\n01234567\r\n'))).toThrow(
    'more than 10',
  );
  expect(() => new BodyMeter({ kind: 'chunked' }, 10).take(bytes('fffffffff\r\n'))).toThrow('too large');
});
