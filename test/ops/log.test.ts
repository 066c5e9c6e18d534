import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLog, type Log, type LogOptions } from '../../src/ops/log.ts';

/** What `write` logs, as it stands in the file. */
function logged(options: Partial<LogOptions>, write: (log: Log) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'chat-log-'));
  try {
    const dest = join(folder, 'log');
    write(createLog({ level: 'info', format: 'json', name: 'host-1/0', ...options }, { dest }));
    return readFileSync(dest, 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('an event is one line of JSON with its level, time, node and fields', () => {
  const line = logged({}, (log) => log.warn({ room: 'tea', waitedMs: 12 }, 'slow'));
  expect(line.trimEnd().split('\n')).toHaveLength(1);
  expect(JSON.parse(line)).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    node: 'host-1/0',
    room: 'tea',
    waitedMs: 12,
    msg: 'slow',
  });
});

test('an error is told whole, with what caused it', () => {
  const error = new Error('could not append', { cause: new Error('disk full') });
  const line = logged({}, (log) => log.error({ error }, 'our fault'));
  expect(JSON.parse(line).error.message).toContain('could not append');
  expect(JSON.parse(line).error.stack).toContain('disk full');
});

test('less serious events than the level are left out', () => {
  const lines = logged({ level: 'warn' }, (log) => {
    log.info({}, 'quiet');
    log.error({}, 'loud');
  });
  expect(lines).toContain('loud');
  expect(lines).not.toContain('quiet');
});

test('secrets are not written, at the top and one level down', () => {
  for (const format of ['json', 'pretty'] as const) {
    const lines = logged({ format }, (log) => {
      log.info({ token: 'hunter2', password: 'hunter2', headers: { authorization: 'hunter2' } }, 'a');
      log.info(
        { config: { jwtSecret: 'hunter2', port: 3_000 }, handshake: { auth: { token: 'hunter2' } } },
        'b',
      );
    });
    expect(lines).toContain('3000');
    expect(lines).not.toContain('hunter2');
  }
});

test('pretty is for people: one line without JSON around it', () => {
  const line = logged({ format: 'pretty' }, (log) => log.info({ workers: 2 }, 'ready to serve'));
  expect(line).toMatch(/INFO.*ready to serve/);
  expect(line.startsWith('{')).toBe(false);
});
