import { expect, test } from 'vitest';
import { parseHead } from '../../src/primary/request-head.ts';

const head = (...lines: string[]): string => lines.join('\r\n');

test('reads method, path, session and body', () => {
  expect(parseHead(head('GET /socket.io/?EIO=4&sid=abc&t=1 HTTP/1.1', 'Host: a'))).toEqual({
    method: 'GET',
    path: '/socket.io/',
    sid: 'abc',
    isUpgrade: false,
    body: { kind: 'none' },
  });
  expect(parseHead(head('POST / HTTP/1.1', 'host: a', 'content-length: \t12 ')).body).toEqual({
    kind: 'length',
    bytes: 12,
  });
  expect(parseHead(head('PUT / HTTP/1.1', 'Host: a', 'Transfer-Encoding: Chunked')).body.kind).toBe(
    'chunked',
  );
});

test('only a parameter named exactly sid is a session', () => {
  expect(parseHead(head('GET /sid=aaa?xsid=bbb HTTP/1.1', 'Host: a', 'Cookie: sid=ccc')).sid).toBeUndefined();
});

test('an upgrade needs both headers', () => {
  const upgrade = ['GET / HTTP/1.1', 'Host: a', 'Upgrade: websocket'];
  expect(parseHead(head(...upgrade)).isUpgrade).toBe(false);
  expect(parseHead(head(...upgrade, 'Connection: keep-alive, Upgrade')).isUpgrade).toBe(true);
  expect(parseHead(head(...upgrade, 'Connection: not-upgrade')).isUpgrade).toBe(false);
});

test('a length of 0 is no body, and so allowed for a GET', () => {
  expect(parseHead(head('GET / HTTP/1.1', 'Host: a', 'Content-Length: 0')).body).toEqual({ kind: 'none' });
});

test('HTTP/1.0 may come without a Host, but not in chunks', () => {
  expect(parseHead('GET /healthz HTTP/1.0').path).toBe('/healthz');
  expect(() => parseHead(head('POST / HTTP/1.0', 'Transfer-Encoding: chunked'))).toThrow('Transfer-Encoding');
});

test('a method that no worker knows is refused as such', () => {
  expect(() => parseHead(head('TRACE / HTTP/1.1', 'Host: a'))).toThrow('method not allowed');
});

test('too many header lines are refused', () => {
  const lines = Array.from({ length: 201 }, (_, at) => `x-${at}: y`);
  expect(() => parseHead(head('GET / HTTP/1.1', ...lines))).toThrow('more than 200');
});

test('a head full of blanks is read in no time', () => {
  const startedAt = performance.now();
  parseHead(head('GET / HTTP/1.1', 'Host: a', `Connection: ${' '.repeat(16_000)}x`));
  expect(performance.now() - startedAt).toBeLessThan(50);
});
