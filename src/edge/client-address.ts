/**
 * Where a client comes from, as limits count it.
 *
 * Behind proxies the address of the connection is the last proxy's. Each of them adds who came
 * to it at the end of `X-Forwarded-For`, so of a chain that is trusted the client's is so many
 * places from the end; what stands before may be made up.
 */
import { isIPv6 } from 'node:net';

/** `hops`: proxies that are trusted. Undefined: it cannot be told. */
export function clientAddress(
  remote: string | undefined,
  forwarded: string | readonly string[] | undefined,
  hops: number,
): string | undefined {
  if (hops === 0 || forwarded === undefined) return network(remote);
  const chain = [forwarded].flat().join(',').split(',');
  return network((chain.at(-hops) ?? chain[0])?.trim()) ?? network(remote);
}

/** Of IPv6 the network that one subscriber has (RFC 6177): they may take any address in it. */
function network(address: string | undefined): string | undefined {
  if (address === undefined || address === '') return undefined;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1];
  if (!isIPv6(address)) return address.slice(0, 64);
  // URL writes it in one form, with the longest run of zeros as `::`.
  const [left = '', right] = new URL(`http://[${address.split('%')[0] ?? ''}]`).hostname
    .slice(1, -1)
    .split('::');
  const before = left === '' ? [] : left.split(':');
  const after = right === undefined || right === '' ? [] : right.split(':');
  const zeros = right === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
