/** `compare` on real servers, as short as it can be: that it measures, not how much. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { childrenOf } from '../../src/bench/measure.ts';
import type { TrafficResult } from '../../src/bench/scenario-result.ts';
import { builtCompare } from '../support/built-compare.ts';

const SHORT = {
  clients: 20,
  rooms: 4,
  seconds: 1,
  warmUpSeconds: 0.5,
  idleSeconds: 0.1,
  runs: 1,
  steadyPostsPerSecond: 50,
};

test('measures the plain set-up and this server with one load, and leaves no process behind', async () => {
  const { runCompare } = await builtCompare();
  const lines: string[] = [];
  const before = await childrenOf(process.pid);
  const { results } = await runCompare({
    ...SHORT,
    modes: ['plain-cluster', 'cluster'],
    scenarios: ['steady'],
    onProgress: (line) => lines.push(line),
  });
  expect(results.map(({ mode, void: reasons }) => [mode, reasons])).toEqual([
    ['plain-cluster', []],
    ['cluster', []],
  ]);
  for (const result of results as readonly TrafficResult[]) {
    // Every post to the five of its room; how many of them within the window is the machine's.
    expect(result.checked.allPosts).toBe(75);
    expect(result.checked.allDeliveries).toBe(375);
    expect(result.deliveriesPerSecond).toBeGreaterThan(0);
    expect(result.cpuSeconds.workers).toBeGreaterThan(0);
    expect(result.checked.faults).toEqual({ reordered: 0, holes: 0, repeats: 0, losses: 0 });
  }
  expect(results.map((result) => (result as TrafficResult).durabilities)).toEqual([[], ['disk']]);
  expect(lines.some((line) => line.includes('cluster · steady'))).toBe(true);
  for (const mode of ['plain-cluster', 'cluster'])
    expect(lines.filter((line) => line === `run 1 of 1 · ${mode} · warming up`)).toHaveLength(1);
  expect(await childrenOf(process.pid)).toEqual(before);
});

test('goes on where it was interrupted', async () => {
  const { runCompare } = await builtCompare();
  const dir = mkdtempSync(join(tmpdir(), 'chat-compare-test-'));
  const jsonFile = join(dir, 'report.json');
  const options = {
    ...SHORT,
    modes: ['cluster', 'plain-cluster'] as const,
    scenarios: ['idle'] as const,
    jsonFile,
  };
  try {
    const stop = new AbortController();
    const first = runCompare({
      ...options,
      idleClients: 10,
      signal: stop.signal,
      onProgress: (line) => {
        if (line.includes('plain-cluster')) stop.abort(new Error('told to stop'));
      },
    });
    await expect(first).rejects.toThrow('told to stop');
    const lines: string[] = [];
    const second = await runCompare({ ...options, idleClients: 10, onProgress: (line) => lines.push(line) });
    expect(second.isComplete).toBe(true);
    expect(second.results.map(({ mode }) => mode)).toEqual(['cluster', 'plain-cluster']);
    expect(lines[0]).toContain('1 results');
    expect(lines.some((line) => line.includes('· cluster ·'))).toBe(false);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('a scenario that fails is void, with the reason, and the next has a fresh server', async () => {
  const { runCompare } = await builtCompare();
  const lines: string[] = [];
  const { results, isComplete } = await runCompare({
    ...SHORT,
    modes: ['plain-cluster'],
    scenarios: ['burst', 'steady'],
    onProgress: (line) => {
      lines.push(line);
      // There is nobody who could come in.
      if (line.endsWith('burst: connecting')) void killChildren();
    },
  });
  expect(results).toMatchObject([
    {
      scenario: 'burst',
      kind: 'failed',
      void: [expect.stringMatching(/^client \d+: |^a load process ended/)],
    },
    { scenario: 'steady', kind: 'traffic', void: [] },
  ]);
  expect(isComplete).toBe(true);
  expect(lines.filter((line) => line.endsWith('starting'))).toHaveLength(2);
});

async function killChildren(): Promise<void> {
  for (const pid of await childrenOf(process.pid)) process.kill(pid, 'SIGKILL');
}

test('measures another checkout in turn with this one', async () => {
  const { runCompare } = await builtCompare();
  const { results } = await runCompare({
    ...SHORT,
    modes: ['cluster'],
    scenarios: ['steady'],
    against: process.cwd(),
  });
  expect(results.map(({ mode, void: reasons }) => [mode, reasons])).toEqual([
    ['cluster', []],
    ['against-cluster', []],
  ]);
});

test('many small rooms and one huge one are loaded as they are named', async () => {
  const { runCompare } = await builtCompare();
  const { results } = await runCompare({
    ...SHORT,
    modes: ['cluster'],
    scenarios: ['small-rooms', 'huge-room'],
    smallRoomClients: 40,
    smallRoomPostsPerSecond: 50,
    hugeRoomClients: 30,
    hugeRoomPostsPerSecond: 20,
  });
  const [small, huge] = results as readonly TrafficResult[];
  expect(results.map(({ void: reasons }) => reasons)).toEqual([[], []]);
  // 1.5 s of posting; ten in each room, and thirty in the one.
  expect(small?.checked).toMatchObject({ allPosts: 75, allDeliveries: 750 });
  expect(huge?.checked).toMatchObject({ allPosts: 30, allDeliveries: 900 });
});

test('connections that end come back, and what was posted meanwhile is there', async () => {
  const { runCompare } = await builtCompare();
  const { results } = await runCompare({
    ...SHORT,
    modes: ['cluster', 'plain-cluster'],
    scenarios: ['burst', 'backlog', 'storm', 'killed'],
    burstClients: 60,
    backlogDevices: 5,
    backlogPosts: 500,
    stormClients: 80,
    recoverySeconds: 2,
    steadyPostsPerSecond: 50,
  });
  expect(results.map(({ mode, scenario, void: reasons }) => [mode, scenario, reasons])).toEqual(
    ['cluster', 'plain-cluster'].flatMap((mode) =>
      ['burst', 'backlog', 'storm', 'killed'].map((scenario) => [mode, scenario, []]),
    ),
  );
  const [burst, backlog, storm, killed, , plainBacklog] = results;
  expect(burst).toMatchObject({ kind: 'burst', connections: 60, joining: { count: 60 } });
  expect(backlog).toMatchObject({ kind: 'outage', recovery: { count: 5 }, closed: 5, away: 0, lost: 0 });
  // 500 for each of the five and for who posted them.
  expect(backlog).toMatchObject({ deliveries: 3_000 });
  expect(storm).toMatchObject({ recovery: { count: 78 }, closed: 78, away: 0, lost: 0 });
  expect(killed).toMatchObject({ away: 0, lost: 0, unanswered: 0 });
  expect(killed?.kind === 'outage' && killed.closed).toBeGreaterThan(0);
  // Nothing is kept for those who are away.
  expect(plainBacklog).toMatchObject({ recovery: { count: 5 }, lost: 2_500 });
}, 180_000);

test('long polling and other numbers of clients and workers are measured with the same checks', async () => {
  const { runCompare } = await builtCompare();
  const { results, isComplete } = await runCompare({
    ...SHORT,
    runs: 2,
    modes: ['cluster'],
    scenarios: ['fairness', 'polling', 'clients-100', 'workers-1'],
    pollingPostsPerSecond: 40,
  });
  expect(isComplete).toBe(true);
  const seen = results.map(({ run, scenario, void: reasons }) => [run, scenario, reasons]);
  expect(seen).toEqual([
    [1, 'fairness', []],
    [1, 'polling', []],
    [1, 'clients-100', []],
    [1, 'workers-1', []],
    [2, 'fairness', []],
    [2, 'polling', []],
  ]);
  const [fairness, polling, clients] = results as readonly TrafficResult[];
  // The flood beside it is checked, and not counted here.
  expect(fairness?.checked).toMatchObject({ allPosts: 75, allDeliveries: 375 });
  expect(polling?.checked).toMatchObject({ allPosts: 60, allDeliveries: 300 });
  // A hundred clients in four rooms.
  expect(clients?.checked.allDeliveries).toBe(75 * 25);
});

test('ends its processes when it is told to stop', async () => {
  const { runCompare } = await builtCompare();
  const before = await childrenOf(process.pid);
  const stop = new AbortController();
  const running = runCompare({
    ...SHORT,
    seconds: 60,
    modes: ['plain-cluster'],
    scenarios: ['steady'],
    signal: stop.signal,
    onProgress: (line) => {
      if (line.includes('deliveries')) stop.abort(new Error('told to stop'));
    },
  });
  await expect(running).rejects.toThrow('told to stop');
  expect(await childrenOf(process.pid)).toEqual(before);
});
