/** What `--redis-url` may say. */
import { expect, test } from 'vitest';
import { describeTarget, parseRedisUrl, RedisUrlError } from '../../src/ops/redis-url.ts';

test('a single Redis, with and without what may be left out', () => {
  expect(parseRedisUrl('redis://127.0.0.1:7777')).toMatchObject({
    kind: 'single',
    hosts: [{ host: '127.0.0.1', port: 7777 }],
    isTls: false,
    username: undefined,
    password: undefined,
    database: 0,
  });
  expect(parseRedisUrl('rediss://chat:p%40ss@redis.example/3')).toMatchObject({
    hosts: [{ host: 'redis.example', port: 6379 }],
    isTls: true,
    username: 'chat',
    password: 'p@ss',
    database: 3,
  });
  expect(parseRedisUrl('redis://:secret@[::1]:1')).toMatchObject({
    hosts: [{ host: '::1', port: 1 }],
    username: undefined,
    password: 'secret',
  });
});

test('Sentinels and the name of their master', () => {
  const target = parseRedisUrl('redis+sentinel://user:pass@h1:26379,h2/mymaster');
  expect(target).toMatchObject({
    kind: 'sentinel',
    hosts: [
      { host: 'h1', port: 26_379 },
      { host: 'h2', port: 26_379 },
    ],
    username: 'user',
    masterName: 'mymaster',
  });
  expect(describeTarget(target)).toBe('sentinel h1:26379, h2:26379');
});

test('some nodes of a Cluster', () => {
  expect(parseRedisUrl('redis+cluster://h1:7000,h2:7001')).toMatchObject({
    kind: 'cluster',
    hosts: [
      { host: 'h1', port: 7000 },
      { host: 'h2', port: 7001 },
    ],
  });
});

test.each([
  ['', 'must look like'],
  ['http://h', 'must look like'],
  ['redis://a,b', 'names one host'],
  ['redis://h/mydb', 'is a number'],
  ['redis+sentinel://h1,h2', 'name of the master'],
  ['redis+cluster://h1/3', 'nothing after'],
  ['redis://h:0', 'a host that is none'],
  ['redis://h:70000', 'a host that is none'],
])('%s is refused, by what is wrong', (url, reason) => {
  expect(() => parseRedisUrl(url)).toThrow(RedisUrlError);
  expect(() => parseRedisUrl(url)).toThrow(reason);
});

test('a password is never in a message', () => {
  for (const url of ['redis://u:hunter2@', 'redis://u:hunter2@a,b', 'redis+sentinel://u:hunter2@h']) {
    expect(() => parseRedisUrl(url)).toThrow(/^(?!.*hunter2)/s);
  }
});

test('a % that begins no escape is a mistake that says how to write it, without the password', () => {
  for (const url of ['redis://:100%@host', 'redis://a%zz:x@host', 'redis+sentinel://h1/my%master'])
    expect(() => parseRedisUrl(url)).toThrow(
      new RedisUrlError('the Redis URL has a % that begins no escape; a % itself is written %25'),
    );
});
