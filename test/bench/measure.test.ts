import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { childrenOf, cpuSeconds, kernelBytes, kernelBytesOf, rssBytes } from '../../src/bench/measure.ts';

const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

/** A process that says when it has done what it was told. */
async function run(script: string): Promise<{ pid: number; said: string }> {
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  return { pid: child.pid ?? 0, said: text.toString() };
}

test('counts the CPU time of a busy process as that process does', async () => {
  const { pid, said } = await run(`
    const used = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; };
    while (used() < 0.7);
    console.log(used());
    process.stdin.resume();`);
  expect(Math.abs((await cpuSeconds([pid])) - Number(said))).toBeLessThan(0.1);
});

test('a process that sleeps uses none', async () => {
  const { pid } = await run(`console.log('here'); process.stdin.resume();`);
  const before = await cpuSeconds([pid]);
  const { pid: busy } = await run(`
    while (process.cpuUsage().user < 3e5); console.log('done'); process.stdin.resume();`);
  expect((await cpuSeconds([pid])) - before).toBeLessThan(0.1);
  expect(await cpuSeconds([busy])).toBeGreaterThan(0.2);
});

test('a process that is gone counts as nothing', async () => {
  const { pid } = await run(`console.log('here'); process.stdin.resume();`);
  const [child] = children;
  child?.kill('SIGKILL');
  if (child !== undefined) await once(child, 'exit');
  expect(await cpuSeconds([pid])).toBe(0);
  expect(await rssBytes([pid])).toBe(0);
});

test('sees the memory that a process touches', async () => {
  const { pid } = await run(
    `const kept = Buffer.alloc(64e6, 1); console.log(kept.length); process.stdin.resume();`,
  );
  expect(await rssBytes([pid])).toBeGreaterThan(64e6);
});

test('finds the children of a process', async () => {
  const { pid } = await run(`console.log('here'); process.stdin.resume();`);
  expect(await childrenOf(process.pid)).toContain(pid);
});

test('the kernel’s part: objects, stacks, page tables and the buffers of TCP', async () => {
  const memory =
    'MemFree:  9 kB\nSlab:   100 kB\nSReclaimable: 60 kB\nKernelStack: 20 kB\nPageTables:   3 kB\n';
  const sockets = 'sockets: used 9\nTCP: inuse 1 orphan 0 tw 8 alloc 1 mem 250\nUDP: inuse 0 mem 7\n';
  expect(kernelBytesOf(memory, sockets)).toBe((100 + 20 + 3 + 250 * 4) * 1_024);
  expect(await kernelBytes()).toBeGreaterThan(1e6);
});
