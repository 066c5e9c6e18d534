/** Connections whose body passes through the primary: how many at most. */
import type { Worker } from 'node:cluster';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { BodyMeter } from '../../src/primary/body-meter.ts';
import { KeptConnections } from '../../src/primary/kept-connections.ts';

test('where several have to go in one turn, each is another', () => {
  const kept = new KeptConnections({ keptMs: 1_000, maxInFlightBytes: 1_000 });
  const sockets = Array.from({ length: 5 }, () => new Socket());
  for (const [i, socket] of sockets.entries()) {
    if (kept.size >= 2) kept.evict();
    const meter = new BodyMeter({ kind: 'length', bytes: 10 }, 1_000);
    kept.add(socket, { id: 1 } as Worker, meter, () => {}, i);
    expect(kept.size).toBeLessThanOrEqual(2);
  }
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true, true, false, false]);
  kept.close();
});
