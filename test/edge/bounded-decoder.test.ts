/** So many packets in one turn, and as many in the next. */
import { expect, test } from 'vitest';
import { boundedDecoder } from '../../src/edge/bounded-decoder.ts';

test('a client that sends more packets at once than it may is ended', async () => {
  const decoder = new (boundedDecoder(3))();
  const events: unknown[] = [];
  decoder.on('decoded', (packet) => events.push(packet));
  for (let turn = 0; turn < 3; turn += 1) {
    for (let i = 0; i < 3; i += 1) decoder.add('2["typing",{}]');
    await new Promise(setImmediate);
  }
  expect(events).toHaveLength(9);
  for (let i = 0; i < 3; i += 1) decoder.add('2["typing",{}]');
  expect(() => decoder.add('2["typing",{}]')).toThrow('more than 3 packets at once');
  expect(events).toHaveLength(12);
});
