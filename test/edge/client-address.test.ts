import { expect, test } from 'vitest';
import { clientAddress } from '../../src/edge/client-address.ts';

test.each([
  ['10.0.0.1', undefined, 0, '10.0.0.1'],
  ['::ffff:10.0.0.1', undefined, 0, '10.0.0.1'],
  // Without a trusted proxy the header is whatever the client wrote.
  ['10.0.0.1', '6.6.6.6', 0, '10.0.0.1'],
  ['10.0.0.1', '1.2.3.4', 1, '1.2.3.4'],
  ['10.0.0.1', '6.6.6.6, 1.2.3.4', 1, '1.2.3.4'],
  ['10.0.0.1', '6.6.6.6, 1.2.3.4, 10.0.0.9', 2, '1.2.3.4'],
  ['10.0.0.1', ['6.6.6.6', '1.2.3.4'], 1, '1.2.3.4'],
  // Fewer than there should be: the first is the nearest to a truth.
  ['10.0.0.1', '1.2.3.4', 3, '1.2.3.4'],
  ['10.0.0.1', '', 1, '10.0.0.1'],
  ['10.0.0.1', undefined, 1, '10.0.0.1'],
  [undefined, undefined, 0, undefined],
  ['2001:db8:1:2:3:4:5:6', undefined, 0, '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', undefined, 0, '2001:db8:1:2::/64'],
  ['2001:db8::9', undefined, 0, '2001:db8:0:0::/64'],
  ['fe80::1%eth0', undefined, 0, 'fe80:0:0:0::/64'],
  ['::1', undefined, 0, '0:0:0:0::/64'],
] as const)('from %s with %j behind %i proxies it is %s', (remote, forwarded, hops, address) => {
  expect(clientAddress(remote, forwarded, hops)).toBe(address);
});

test('a long header is a short key', () => {
  expect(clientAddress('10.0.0.1', 'x'.repeat(10_000), 1)).toHaveLength(64);
});
